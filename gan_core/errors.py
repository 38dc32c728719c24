"""The one exception a person is meant to read."""


class InputError(ValueError):
    """Something a person gave us cannot be used.

    The message is one sentence that says what is wrong and what to do about it. The command line
    and the app print it as it is, without a traceback.
    """
