"""EnvoyFilters: the only room that writes them, one module per filter of Envoy's, for what Istio's own API cannot say.

A filter whose match names something that does not exist passes every validator and does nothing, so matches are as few as possible,
and each filter has a case on a real Envoy that fails without it (tests/mesh).
"""
