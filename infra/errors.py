"""What is wrong for the person who runs the program, and not in the program."""

from __future__ import annotations

import pulumi


class StackError(pulumi.RunError):
    """The stack cannot be built as it is asked for; the message says which key, which value, and how to mend it.

    It is the one kind of error that Pulumi's Python host prints without a trace.
    """
