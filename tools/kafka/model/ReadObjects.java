import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.introspect.Annotated;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/**
 * Reads Strimzi's objects, a JSON array on standard input, with Strimzi's own classes. Prints a line for each field that these do not
 * know, cannot read, or read as something else.
 */
public final class ReadObjects {
    private static final Map<String, String> CLASSES = Map.of(
            "Kafka", "kafka.Kafka", "KafkaNodePool", "nodepool.KafkaNodePool",
            "KafkaTopic", "topic.KafkaTopic", "KafkaUser", "user.KafkaUser");
    private final ObjectMapper mapper = new ObjectMapper();
    /** Writes all that was read, what is as by default too. */
    private final ObjectMapper whole = new ObjectMapper().setAnnotationIntrospector(new JacksonAnnotationIntrospector() {
        @Override
        public JsonInclude.Value findPropertyInclusion(Annotated any) {
            return JsonInclude.Value.empty();
        }
    });
    private final List<String> found = new ArrayList<>();

    public static void main(String[] arguments) throws Exception {
        ReadObjects judge = new ReadObjects();
        JsonNode objects = judge.mapper.readTree(System.in);
        for (JsonNode one : objects) {
            judge.read(one);
        }
        judge.found.forEach(System.out::println);
        System.out.println("read " + objects.size());
    }

    private void read(JsonNode given) throws Exception {
        String kind = given.path("kind").asText();
        String where = kind + "/" + given.path("metadata").path("name").asText();
        try {
            Object object = mapper.treeToValue(given, Class.forName("io.strimzi.api.kafka.model." + CLASSES.get(kind)));
            leftOver(object, where);
            differs(given, whole.valueToTree(object), where);
        } catch (com.fasterxml.jackson.core.JacksonException refused) {
            found.add(where + ": " + refused.getOriginalMessage());
        }
    }

    /** Strimzi's classes keep what they do not know, wherever it stands. */
    private void leftOver(Object value, String where) throws Exception {
        if (value instanceof Collection<?> many) {
            int index = 0;
            for (Object one : many) {
                leftOver(one, where + "[" + index++ + "]");
            }
        } else if (value != null && value.getClass().getName().startsWith("io.strimzi.") && !value.getClass().isEnum()) {
            for (Method method : value.getClass().getMethods()) {
                if (method.getName().equals("getAdditionalProperties") && method.getParameterCount() == 0) {
                    ((Map<?, ?>) method.invoke(value)).keySet().forEach(key -> found.add(where + "." + key + ": unknown"));
                } else if (method.getName().startsWith("get") && method.getParameterCount() == 0) {
                    leftOver(method.invoke(value), where + "." + name(method));
                }
            }
        }
    }

    private static String name(Method getter) {
        return Character.toLowerCase(getter.getName().charAt(3)) + getter.getName().substring(4);
    }

    /** What was given must come back: an enum's unknown value is read as none. */
    private void differs(JsonNode given, JsonNode back, String where) {
        if (given.isObject()) {
            given.properties().forEach(one -> differs(one.getValue(), back.path(one.getKey()), where + "." + one.getKey()));
        } else if (given.isArray()) {
            for (int index = 0; index < given.size(); index++) {
                differs(given.get(index), back.path(index), where + "[" + index + "]");
            }
        } else if (!given.asText().equals(back.asText())) {
            found.add(where + ": " + given + " is read as " + (back.isMissingNode() ? "nothing" : back));
        }
    }
}
