"""Runs a Python function: loads its handler, and passes events to it one by one.

It keeps the contract that AWS gives to handlers (context object, shapes of
errors, lines in the log) and speaks the Runtime API over one connection, with
no module that costs time to import. It needs Python 3.6 or newer, and the
directory of the layers as its argument.
"""

import importlib
import json
import logging
import os
import socket
import sys
import time
import traceback

ROOT = os.environ["LAMBDA_TASK_ROOT"]
SEEN_ROOT = "/var/task"  # where AWS unpacks code, and what stack traces say
JSON_LOGS = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "Text").upper() == "JSON"


class Fault(Exception):
    """An error that has AWS's name and words."""

    def __init__(self, kind, message, trace=()):
        Exception.__init__(self, message)
        self.kind = kind
        self.message = message
        self.trace = list(trace)


class Connection(object):
    """The connection to the Runtime API."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        # The handler and its children have no use for it.
        self.base = "/" + os.environ.pop("_CROSSFADE_RUNTIME_TOKEN") + "/2018-06-01/runtime"
        self.host = address
        self.socket = socket.create_connection((host.strip("[]"), int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = b""
        self.asking = self.head("GET", "/invocation/next")

    def head(self, method, path, more=""):
        text = "%s %s%s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (method, self.base, path, self.host, more)
        return text.encode("latin-1")

    def post(self, path, body, kind=None):
        more = "Content-Length: %d\r\nContent-Type: application/json\r\n" % len(body)
        if kind:
            more += "Lambda-Runtime-Function-Error-Type: %s\r\n" % clean(kind)
        return self.head("POST", path, more) + body

    def exchange(self, request):
        """Sends one or two requests, and returns the last answer's headers and body.

        The answer to a result is not worth a wait of its own, so the question
        for the next event goes out with the result.
        """
        try:
            self.socket.sendall(request)
            if request is not self.asking:
                status, headers, body = self.receive()
            if request is self.asking or request.endswith(self.asking):
                status, headers, body = self.receive()
        except OSError:
            self.gone()
        return status, headers, body

    def receive(self):
        data = self.unread
        while True:
            end = data.find(b"\r\n\r\n")
            if end >= 0:
                break
            data += self.more()
        lines = data[:end].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        size = int(headers.get("content-length", "0"))
        start = end + 4
        if len(data) - start < size:
            parts = [data]
            missing = size - (len(data) - start)
            while missing > 0:
                part = self.more()
                parts.append(part)
                missing -= len(part)
            data = b"".join(parts)
        self.unread = data[start + size:]
        return lines[0].split(" ")[1], headers, data[start:start + size]

    def more(self):
        part = self.socket.recv(262144)
        if not part:
            self.gone()
        return part

    def gone(self):
        """Ends the process and its children: without its cloud a function has nothing to do."""
        if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), 9)
        os._exit(1)


def clean(text):
    return "".join(c if 32 <= ord(c) < 127 else "?" for c in text)


class CognitoIdentity(object):
    __slots__ = ["cognito_identity_id", "cognito_identity_pool_id"]

    def __init__(self, values):
        self.cognito_identity_id = values.get("cognitoIdentityId")
        self.cognito_identity_pool_id = values.get("cognitoIdentityPoolId")

    def __repr__(self):
        return describe(self, self.__slots__)


class Client(object):
    __slots__ = ["installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"]

    def __init__(self, values):
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self):
        return describe(self, self.__slots__)


class ClientContext(object):
    __slots__ = ["custom", "env", "client"]

    def __init__(self, values):
        self.custom = values.get("custom")
        self.env = values.get("env")
        client = values.get("client")
        self.client = Client(client) if isinstance(client, dict) else None

    def __repr__(self):
        return describe(self, self.__slots__)


class LambdaContext(object):
    """What a handler may know about its invocation."""

    def __init__(self, headers):
        get = headers.get
        self.aws_request_id = get("lambda-runtime-aws-request-id")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = get("lambda-runtime-invoked-function-arn")
        self.tenant_id = get("lambda-runtime-aws-tenant-id")
        client = get("lambda-runtime-client-context")
        client = json.loads(client.encode("latin-1").decode("utf-8")) if client else None
        self.client_context = ClientContext(client) if isinstance(client, dict) else None
        identity = get("lambda-runtime-cognito-identity")
        identity = json.loads(identity) if identity else None
        self.identity = CognitoIdentity(identity if isinstance(identity, dict) else {})
        self._epoch_deadline_time_in_ms = int(get("lambda-runtime-deadline-ms", "0"))

    def get_remaining_time_in_millis(self):
        return max(0, int(self._epoch_deadline_time_in_ms - time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        return describe(self, [
            "aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb",
            "function_version", "invoked_function_arn", "client_context", "identity", "tenant_id",
        ])


def describe(thing, names):
    return "%s([%s])" % (type(thing).__name__, ",".join("%s=%s" % (n, getattr(thing, n)) for n in names))


class RequestFilter(logging.Filter):
    """Gives every record the id of the invocation that it was made in."""

    request_id = ""

    def filter(self, record):
        record.aws_request_id = self.request_id
        record.tenant_id = None
        return True


class TextFormatter(logging.Formatter):
    converter = time.gmtime

    def __init__(self):
        logging.Formatter.__init__(
            self, "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")


class JSONFormatter(logging.Formatter):
    usual = set(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
        "message", "asctime", "aws_request_id", "tenant_id", "taskName"}

    def format(self, record):
        entry = {
            "timestamp": stamp(record.created),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.aws_request_id:
            entry["requestId"] = record.aws_request_id
        if record.exc_info and record.exc_info[0]:
            kind, error, trace = record.exc_info
            entry["errorType"] = kind.__name__
            entry["errorMessage"] = str(error)
            entry["stackTrace"] = frames(trace)
        for name, value in vars(record).items():
            if name not in self.usual and name not in entry:
                entry[name] = value
        return json.dumps(entry, ensure_ascii=False, default=str)


class StdoutHandler(logging.Handler):
    """Writes to what sys.stdout is at that time, a record in one piece."""

    def emit(self, record):
        try:
            sys.stdout.write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)


def stamp(seconds):
    return "%s.%03dZ" % (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)), int(seconds * 1000) % 1000)


def set_up_logging():
    logging.Formatter.converter = time.gmtime
    handler = StdoutHandler()
    handler.setFormatter(JSONFormatter() if JSON_LOGS else TextFormatter())
    names = RequestFilter()
    handler.addFilter(names)
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = {"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL"}.get(level, level)
    if JSON_LOGS and level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        root.setLevel(level)
    return names


def seen(path):
    """Returns the path that a file of the function has on AWS."""
    if ROOT != SEEN_ROOT and path.startswith(ROOT):
        return SEEN_ROOT + path[len(ROOT):]
    return path


def frames(trace):
    found = []
    for f in traceback.extract_tb(trace):
        text = '  File "%s", line %s, in %s\n' % (seen(f.filename), f.lineno, f.name)
        if f.line:
            text += "    %s\n" % f.line
        found.append(text)
    return found


def error_of(error, own, request_id):
    """Returns an error as AWS answers it, with its members in AWS's order.

    own is how many frames of this file the stack begins with. They say nothing
    to whoever wrote the function.
    """
    if isinstance(error, Fault):
        kind, message, lines = error.kind, error.message, error.trace
    else:
        trace = error.__traceback__
        while own and trace and trace.tb_next:
            trace, own = trace.tb_next, own - 1
        kind, message, lines = type(error).__name__, str(error), frames(trace)
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": lines}


def log_error(answer):
    """Writes an error as one entry of the log: a carriage return does not end one."""
    if JSON_LOGS:
        entry = {
            "timestamp": stamp(time.time()),
            "log_level": "ERROR",
            "errorMessage": answer["errorMessage"],
            "errorType": answer["errorType"],
            "requestId": answer["requestId"],
            "stackTrace": answer["stackTrace"],
        }
        text = json.dumps(entry, ensure_ascii=False)
    else:
        lines = ["[ERROR] %s: %s" % (answer["errorType"], answer["errorMessage"])]
        if answer["stackTrace"]:
            lines.append("Traceback (most recent call last):")
            for frame in answer["stackTrace"]:
                for line in frame.rstrip("\n").split("\n"):
                    bare = line.lstrip(" ")
                    lines.append(u"\u00a0" * (len(line) - len(bare)) + bare)
        text = "\r".join("\r".join(line.split("\n")) for line in lines)
    write(text + "\n")


def write(text):
    try:
        sys.stdout.write(text)
    except UnicodeError:
        sys.stdout.write(text.encode("utf-8", "backslashreplace").decode("utf-8"))
    except Exception:
        pass  # the function closed its output: then it has no log


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # closed by the function, which is its right


def load(name):
    """Returns the handler that name, such as "app/main.handler", stands for."""
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as e:
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '%s': %s" % (name, e))
    module_name = module_name.replace("/", ".")
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict",
                    "Cannot use built-in module %s as a handler module" % module_name)
    try:
        module = importlib.import_module(module_name)
    except ImportError as e:
        hint = missing(e)
        if hint:
            write(hint)
        raise Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, e))
    except SyntaxError as e:
        line = '  File "%s" Line %s\n    %s' % (seen(e.filename or ""), e.lineno, (e.text or "").strip("\n"))
        raise Fault("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, e), [line])
    try:
        return getattr(module, function_name)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function_name, module_name))


def missing(error):
    """Says how to get what AWS's own runtime has and this interpreter has not."""
    package = (getattr(error, "name", None) or "").split(".")[0]
    if package not in ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3"):
        return ""
    return "crossfade: %s is part of AWS's runtime but not of this interpreter; install it: %s -m pip install boto3\n" % (
        package, sys.executable)


def encodable(value):
    # Imported here, since few functions return decimals.
    import decimal
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=encodable).encode


def handle(handler, headers, body):
    """Runs the handler once, and returns the path and the body of its result."""
    request_id = headers["lambda-runtime-aws-request-id"]
    RequestFilter.request_id = request_id
    trace_id = headers.get("lambda-runtime-trace-id")
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    try:
        try:
            event = json.loads(body.decode("utf-8"))
        except Exception as e:
            raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % e)
        result = handler(event, LambdaContext(headers))
        try:
            # Bytes are taken to be the answer's text: recorded.
            answer = result if isinstance(result, bytes) else encode(result).encode("utf-8")
        except Exception as e:
            raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % e)
    except Exception as e:
        error = error_of(e, 1, request_id)
        log_error(error)
        flush()
        return "/invocation/%s/error" % request_id, dump(error), error["errorType"]
    flush()
    return "/invocation/%s/response" % request_id, answer, None


def dump(error):
    return json.dumps(error, ensure_ascii=False).encode("utf-8", "backslashreplace")


def main():
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    connection = Connection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    layers = os.path.join(sys.argv[1], "python")
    version = "python%d.%d" % sys.version_info[:2]
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [ROOT, os.path.join(layers, "lib", version, "site-packages"), layers] + [
        p for p in sys.path if p and os.path.abspath(p) != own]
    del sys.argv[1:]
    set_up_logging()
    process = os.getpid()
    try:
        handler = load(os.environ["_HANDLER"])
    except Exception as e:
        error = error_of(e, 2, "")
        log_error(error)
        flush()
        connection.exchange(connection.post("/init/error", dump(error), error["errorType"]))
        sys.exit(1)
    request = connection.asking
    while True:
        status, headers, body = connection.exchange(request)
        if status != "200":
            connection.gone()
        path, answer, kind = handle(handler, headers, body)
        if os.getpid() != process:
            os._exit(0)  # a child that the handler forked and let return
        request = connection.post(path, answer, kind) + connection.asking


if __name__ == "__main__":
    main()
