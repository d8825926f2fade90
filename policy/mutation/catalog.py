"""All mutations, in one list."""

from __future__ import annotations

from policy.mutation import aws, kubernetes, mesh
from policy.mutation.model import Mutation

MUTATIONS: tuple[Mutation, ...] = (*aws.MUTATIONS, *kubernetes.MUTATIONS, *mesh.MUTATIONS)
