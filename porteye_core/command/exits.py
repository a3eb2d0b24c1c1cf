"""Exit statuses of the command; docs/command.md lists them."""

HELD = 0  # also: answered, and watching
NOBODY = 1  # also: nobody watches, or the answer cannot be written
UNCHANGED = 0  # as diff(1) has it
CHANGED = 1
AS_EXPECTED = 0
NOT_AS_EXPECTED = 1  # something is missing, brief or not known
UNEXPECTED = 2  # something is new, wider, or has another owner
WRONG_USE = 2  # a flag or a text that cannot be understood
CANNOT_SAY = 3
INTERRUPTED = 130  # 128 and the number of the signal, as a shell says it
PIPE_CLOSED = 141
