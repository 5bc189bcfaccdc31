"""The shares that a release takes, in equal steps."""


def handler(event, _context):
    steps = int(event["steps"])
    if steps < 1:
        raise ValueError("steps has to be at least 1")
    return {"shares": [round(step / steps, 2) for step in range(1, steps)], "next": 0}
