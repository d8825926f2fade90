vcl 4.1;

# Keeps answers of the product service, between it and the gateway (docs/adr/0038). Two ways in: `http`, by which the gateway reads,
# and `purge`, by which the product service takes back what it has changed. Who comes in by which the mesh's policies say.

import header;
import std;

# The backend, `of_one_host` and `bounded`, from the settings.
include "./own.vcl";

sub vcl_recv {
    if (local.socket == "purge") {
        if (req.method != "PURGE") {
            return (synth(405, "PURGE"));
        }
        # Of no other characters, so that the line below stays one expression.
        if (req.url !~ "^/[A-Za-z0-9/._~%-]*\*?$") {
            return (synth(400, "Bad Request"));
        }
        # A path with all its queries and variants; with a star at its end, all that starts like it.
        if (req.url ~ "\*$") {
            set req.http.x-kept = "obj.http.x-kept-path ~ ^" + regsub(req.url, "\*$", "");
        } else {
            set req.http.x-kept = "obj.http.x-kept-path == " + req.url;
        }
        if (std.ban(req.http.x-kept)) {
            return (synth(200, "Purged"));
        }
        return (synth(500, "Internal Server Error"));
    }
    if (req.url == "/cache/health") {
        return (synth(200, "OK"));
    }
    if (req.method != "GET" && req.method != "HEAD") {
        return (synth(405, "GET, HEAD"));
    }
    call of_one_host;
    # What is not in the key, and not named by an answer's Vary, must not reach the service: it could sway an answer that all get.
    header.regsub(req, "^(?i)(?!(host|accept|accept-encoding|accept-language|authorization|if-none-match|if-modified-since|range|traceparent|tracestate|x-lab-consumer|x-lab-user-id|x-lab-user-name|x-lab-user-role|x-request-id):).*$", "x-dropped: yes");
    unset req.http.x-dropped;
    # The token ends at the gateway. Should one ever get here, what it opens is nobody else's.
    if (req.http.Authorization) {
        return (pass);
    }
    return (hash);
}

sub vcl_hit {
    set req.http.x-cache = "hit";
}

sub vcl_miss {
    set req.http.x-cache = "miss";
}

sub vcl_pass {
    set req.http.x-cache = "pass";
}

sub vcl_backend_fetch {
    unset bereq.http.x-cache;
}

sub vcl_backend_response {
    set beresp.http.x-kept-path = regsub(bereq.url, "\?.*$", "");
    set beresp.grace = 0s;
    set beresp.keep = 0s;
    if (bereq.uncacheable) {
        return (deliver);
    }
    # An error that somebody brought about is nobody else's; the next request asks again.
    if (beresp.status != 200) {
        set beresp.ttl = 1s;
        set beresp.uncacheable = true;
        return (deliver);
    }
    # Every request here is somebody's, by a token or a key: only what the service declares to be everybody's is kept (RFC 9111, 3.5).
    if (beresp.http.Cache-Control !~ "(?i)(^|[\s,])(public|s-maxage=[0-9]+)\s*(,|$)"
        || beresp.http.Cache-Control ~ "(?i)private|no-store|no-cache"
        || beresp.http.Set-Cookie
        || beresp.http.Vary ~ "\*"
        || beresp.ttl <= 0s) {
        # Meanwhile nobody waits for another's answer.
        set beresp.ttl = 60s;
        set beresp.uncacheable = true;
        return (deliver);
    }
    call bounded;
    return (deliver);
}

sub vcl_deliver {
    set resp.http.x-cache = req.http.x-cache;
    unset resp.http.x-kept-path;
    unset resp.http.X-Varnish;
    unset resp.http.Via;
}

sub vcl_backend_error {
    set beresp.status = 503;
    set beresp.http.Content-Type = "application/json; charset=utf-8";
    set beresp.http.Cache-Control = "no-store";
    set beresp.ttl = 0s;
    set beresp.body = {"{ "error": "Service Unavailable" }"};
    return (deliver);
}

sub vcl_synth {
    set resp.http.Content-Type = "application/json; charset=utf-8";
    if (resp.status == 405) {
        set resp.http.Allow = resp.reason;
        set resp.reason = "Method Not Allowed";
    }
    set resp.body = {"{ "said": ""} + resp.reason + {"" }"};
    return (deliver);
}
