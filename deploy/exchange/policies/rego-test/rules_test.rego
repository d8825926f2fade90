# Each rule finds the object that was made for it, and none finds anything in what is rendered (objects.yaml).
package rules_test

import data.main

found(object_) := rules if {
	rules := {one.rule | some one in main.deny} with input as object_
}

test_each_rule_finds_what_was_made_for_it if {
	count(data.bad) > 0
	every rule, object_ in data.bad {
		rule in found(object_)
	}
}

test_nothing_is_found_in_what_is_rendered if {
	count(data.good) > 0
	every object_ in data.good {
		found(object_) == set()
	}
}
