"""The platform's delivery on trial: Argo CD's own controller and repository server, from an empty cluster to the last wave."""
