"""Patterns of ssh_config(5): `*` and `?`, and lists of them with commas and `!` for exceptions."""


def matches_pattern(text: str, pattern: str) -> bool:
    """Whether the whole text matches; in time bounded by the product of both lengths."""
    t = p = 0
    star, resume = -1, 0
    while t < len(text):
        if p < len(pattern) and pattern[p] == "*":
            star, resume = p, t
            p += 1
        elif p < len(pattern) and pattern[p] in ("?", text[t]):
            p += 1
            t += 1
        elif star >= 0:  # let the last star take one character more; earlier stars need not be tried again
            resume += 1
            p, t = star + 1, resume
        else:
            return False
    return pattern[p:].strip("*") == ""


def matches_list(text: str, patterns: str, *, fold_case: bool = False) -> bool:
    """Whether some pattern of a comma-separated list matches and none with `!` does.

    `fold_case` lowers the patterns; the text is then expected in lower case, as host names are.
    """
    found = False
    for pattern in (patterns.lower() if fold_case else patterns).split(","):
        if matches_pattern(text, pattern.removeprefix("!")):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def matches_host(host: str, patterns: str) -> bool:
    """Whether a host name matches a comma-separated list, in any case."""
    return matches_list(host.lower(), patterns, fold_case=True)
