// Runs a Node.js function: loads its handler, and passes events to it one by one.
//
// It keeps the contract that AWS gives to handlers (context object, callbacks,
// shapes of errors, lines in the log) and speaks the Runtime API over one
// connection. It needs Node.js 14 or newer.
'use strict';

const fs = require('fs');
const net = require('net');
const path = require('path');
const url = require('url');
const util = require('util');
const { Writable } = require('stream');

const root = process.env.LAMBDA_TASK_ROOT;
// Where AWS has the code and the bootstrap, and what stack traces say.
const seenRoot = '/var/task';
const seenOwn = '/var/runtime';
const jsonLogs = (process.env.AWS_LAMBDA_LOG_FORMAT || '').toUpperCase() === 'JSON';
// Node.js 24 is the first whose functions have no callbacks.
const major = parseInt((process.env.AWS_EXECUTION_ENV || '').replace('AWS_Lambda_nodejs', ''), 10) || 0;
const hasCallbacks = major < 24;

// fault returns an error that has AWS's name and words.
function fault(name, message, cause) {
  const error = new Error(message);
  error.name = name;
  if (cause && cause.stack) {
    error.stack = `${name}: ${message}\n${String(cause.stack).split('\n').filter((l) => /^\s+at /.test(l)).join('\n')}`;
  }
  return error;
}

// seen gives files the path that they have on AWS.
function seen(text) {
  return root === seenRoot ? text : text.split(root).join(seenRoot).split(__dirname).join(seenOwn);
}

function isError(value) {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';
}

// answerOf returns an error as AWS answers it.
function answerOf(error) {
  if (isError(error)) {
    return {
      errorType: String(error.name || 'Error'),
      errorMessage: String(error.message),
      trace: seen(String(error.stack || '')).split('\n'),
    };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

// loggedError returns an error as AWS logs it, with whatever else it carries.
function loggedError(error) {
  if (!isError(error)) {
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  }
  const entry = { errorType: error.name || 'Error', errorMessage: String(error.message) };
  for (const key of Object.keys(error)) {
    if (!(key in entry) && key !== 'name') entry[key] = error[key];
  }
  entry.stack = seen(String(error.stack || '')).split('\n');
  return entry;
}

function stringify(value) {
  const open = new Set();
  return JSON.stringify(value, (_, v) => {
    if (typeof v === 'bigint') return String(v);
    if (typeof v === 'object' && v !== null) {
      if (open.has(v)) return '[Circular]';
      open.add(v);
    }
    return v;
  });
}

// The log.

let requestId; // of the invocation that runs, or ran last

const levels = { trace: 'TRACE', debug: 'DEBUG', info: 'INFO', log: 'INFO', warn: 'WARN', error: 'ERROR', fatal: 'FATAL' };
const order = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const lowest = jsonLogs ? Math.max(0, order.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL || '').toUpperCase())) : 0;

function write(level, parts) {
  if (order.indexOf(level) < lowest) return;
  const now = new Date().toISOString();
  if (jsonLogs) {
    const entry = { timestamp: now, level, requestId };
    const first = parts.find(isError);
    if (first) {
      const logged = loggedError(first);
      entry.errorType = logged.errorType;
      entry.errorMessage = logged.errorMessage;
      entry.stackTrace = logged.stack;
    }
    entry.message = parts.length === 1 && typeof parts[0] === 'object' && !first ? parts[0] : util.format(...parts);
    process.stdout.write(stringify(entry) + '\n');
    return;
  }
  // A carriage return does not end an entry of the log, a newline does.
  const text = `${now}\t${requestId}\t${level}\t${util.format(...parts)}`;
  process.stdout.write(text.replace(/\n/g, '\r') + '\n');
}

for (const [name, level] of Object.entries(levels)) {
  console[name] = (...parts) => write(level, parts);
}

function logFault(what, error) {
  if (jsonLogs) write('ERROR', [error]);
  else write('ERROR', [`${what} \t${stringify(loggedError(error))}`]);
}

// The connection to the Runtime API.

const authority = process.env.AWS_LAMBDA_RUNTIME_API;
const base = `/${process.env._CROSSFADE_RUNTIME_TOKEN}/2018-06-01/runtime`;
delete process.env._CROSSFADE_RUNTIME_TOKEN; // the handler and its children have no use for it
const colon = authority.lastIndexOf(':');
const socket = net.connect({
  host: authority.slice(0, colon).replace(/^\[|\]$/g, ''),
  port: Number(authority.slice(colon + 1)),
});
socket.setNoDelay(true);
for (const event of ['error', 'close']) socket.on(event, gone);

const next = `GET ${base}/invocation/next HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;

// gone ends the process and its children: without its cloud a function has
// nothing to do.
function gone() {
  if (leaving) return;
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch (_) {
    // It does not lead a group, so it has only itself to end.
  }
  process.exit(1);
}

let leaving = false;

function post(where, body, kind) {
  const type = kind ? `Lambda-Runtime-Function-Error-Type: ${kind.replace(/[^\x20-\x7e]/g, '?')}\r\n` : '';
  const data = Buffer.isBuffer(body) ? body : Buffer.from(body);
  const head = `POST ${base}${where} HTTP/1.1\r\nHost: ${authority}\r\nContent-Type: application/json\r\n${type}Content-Length: ${data.length}\r\n\r\n`;
  return [head, data];
}

// send writes the parts of a request, which keeps the process alive until the
// next event has come.
function send(...parts) {
  socket.ref();
  socket.cork();
  for (const part of parts) socket.write(part, typeof part === 'string' ? 'latin1' : undefined);
  socket.uncork();
}

// leave sends a last request and ends the process once it is on its way.
function leave(code, parts) {
  leaving = true;
  socket.once('data', () => process.exit(code));
  socket.on('close', () => process.exit(code));
  send(...parts);
}

let chunks = [];
let size = 0;
let wanted = 0; // bytes that must be there before it is worth another look

socket.on('data', (chunk) => {
  chunks.push(chunk);
  size += chunk.length;
  while (!leaving && size > 0 && size >= wanted && takeAnswer());
});

// takeAnswer takes one answer out of what was received, if it is complete.
function takeAnswer() {
  const data = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size);
  chunks = [data];
  const end = data.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const headers = {};
  const lines = data.latin1Slice(0, end).split('\r\n');
  for (let i = 1; i < lines.length; i++) {
    const at = lines[i].indexOf(': ');
    headers[lines[i].slice(0, at).toLowerCase()] = lines[i].slice(at + 2);
  }
  const length = Number(headers['content-length'] || 0);
  wanted = end + 4 + length;
  if (data.length < wanted) return false;
  const body = data.slice(end + 4, wanted);
  chunks = data.length > wanted ? [data.slice(wanted)] : [];
  size = data.length - wanted;
  wanted = 0;
  if ('lambda-runtime-aws-request-id' in headers) invoke(headers, body);
  return true;
}

// Invocations.

let handler;
let finish; // ends the invocation that runs; undefined between two
let atRest; // what to do once the event loop has nothing left

function invoke(headers, body) {
  const get = (name) => headers[`lambda-runtime-${name}`];
  const deadline = Number(get('deadline-ms'));
  requestId = get('aws-request-id');
  if (get('trace-id')) process.env._X_AMZN_TRACE_ID = get('trace-id');
  // Only the handler's own work counts as such.
  socket.unref();

  const id = requestId;
  finish = (error, result, raw) => {
    if (requestId !== id || !finish) return;
    finish = undefined;
    atRest = undefined;
    if (error === null || error === undefined) {
      try {
        send(...post(`/invocation/${id}/response`, raw ? result : serialise(result)), next);
        return;
      } catch (e) {
        error = e;
      }
    }
    logFault('Invoke Error', error);
    const answer = answerOf(error);
    send(...post(`/invocation/${id}/error`, JSON.stringify(answer), answer.errorType), next);
  };
  const done = finish;

  const parse = (text) => (text ? JSON.parse(Buffer.from(text, 'latin1').toString('utf8')) : undefined);
  const context = {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parse(get('client-context')),
    identity: parse(get('cognito-identity')),
    invokedFunctionArn: get('invoked-function-arn'),
    awsRequestId: id,
    tenantId: get('aws-tenant-id'),
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
  const callback = (error, result) => {
    if (context.callbackWaitsForEmptyEventLoop === false) done(error, result);
    else atRest = () => done(error, result);
  };
  if (hasCallbacks) {
    context.done = (error, result) => done(error, result);
    context.succeed = (result) => done(null, result);
    context.fail = (error) => done(error === undefined || error === null ? 'handled' : error);
  }

  let event;
  try {
    event = JSON.parse(body.toString('utf8'));
  } catch (e) {
    done(fault('Runtime.UnmarshalError', `Unable to unmarshal input: ${e.message}`));
    return;
  }
  try {
    if (handler[streaming]) {
      stream(event, context, done);
      return;
    }
    const returned = hasCallbacks ? handler(event, context, callback) : handler(event, context);
    if (returned && typeof returned.then === 'function') {
      atRest = hasCallbacks ? undefined : () => done(fault('Runtime.NodeJsExit', 'The handler has nothing left to wait for and has not returned'));
      returned.then((result) => done(null, result), (error) => done(error === undefined || error === null ? new Error(String(error)) : error));
    } else if (!hasCallbacks) {
      done(null, returned);
    }
  } catch (e) {
    done(e);
  }
}

function serialise(result) {
  try {
    const text = JSON.stringify(result === undefined ? null : result);
    return text === undefined ? 'null' : text;
  } catch (_) {
    throw new Error('Unable to stringify response body');
  }
}

// Handlers that stream their answer. It is collected, since an invocation's
// answer is one piece.

const streaming = Symbol('streaming');

globalThis.awslambda = {
  streamifyResponse(f, options) {
    f[streaming] = options || {};
    return f;
  },
  HttpResponseStream: {
    from(out, prelude) {
      out.write(JSON.stringify(prelude));
      out.write(Buffer.alloc(8));
      return out;
    },
  },
};

function stream(event, context, done) {
  const parts = [];
  const out = new Writable({
    write(chunk, _, ready) {
      parts.push(chunk);
      ready();
    },
  });
  out.setContentType = () => {};
  out.on('finish', () => done(null, Buffer.concat(parts), true));
  out.on('error', done);
  Promise.resolve(handler(event, out, context)).then(() => out.writableEnded || out.end(), done);
}

process.on('beforeExit', () => {
  if (atRest) atRest();
  // A handler that neither answered nor waits for anything answers null.
  else if (finish) finish(null, null);
});

process.on('uncaughtException', (error) => {
  logFault('Uncaught Exception', error);
  crash(error, 129);
});

process.on('unhandledRejection', (reason) => {
  const error = fault('Runtime.UnhandledPromiseRejection', String(reason), isError(reason) ? reason : undefined);
  error.reason = isError(reason) ? loggedError(reason) : reason;
  logFault('Unhandled Promise Rejection', error);
  crash(error, 128);
});

// crash ends the process, and the invocation with it, if there is one.
function crash(error, code) {
  const answer = answerOf(error);
  if (handler && finish) leave(code, post(`/invocation/${requestId}/error`, JSON.stringify(answer), answer.errorType));
  else if (!handler) leave(code, post('/init/error', JSON.stringify(answer), answer.errorType));
  else process.exit(code);
}

// Loading.

async function load(name) {
  if (name.includes('..')) {
    throw fault('Runtime.MalformedHandlerName', `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const last = path.basename(name);
  const dot = last.indexOf('.');
  if (dot < 0) throw fault('Runtime.MalformedHandlerName', 'Bad handler');
  const file = path.resolve(root, path.dirname(name), last.slice(0, dot));
  const loaded = await loadModule(file, last.slice(0, dot), path.dirname(name));
  const names = last.slice(dot + 1).split('.');
  const inside = (from) => names.reduce((value, n) => (value === undefined || value === null ? undefined : value[n]), from);
  let found = inside(loaded);
  if (found === undefined && loaded && loaded.default) found = inside(loaded.default);
  if (!found) throw fault('Runtime.HandlerNotFound', `${name} is undefined or not exported`);
  if (typeof found !== 'function') throw fault('Runtime.HandlerNotFound', `${name} is not a function`);
  if (!hasCallbacks && !found[streaming] && found.length >= 3) {
    throw fault('Runtime.CallbackHandlerDeprecated', 'AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. Make this handler async to use it.');
  }
  return found;
}

async function loadModule(file, name, dir) {
  try {
    const there = (f) => fs.existsSync(f) && fs.statSync(f).isFile();
    const esm = (f) => import(url.pathToFileURL(f).href);
    if (there(file)) return require(file);
    if (there(`${file}.js`)) return isModule(file) ? await esm(`${file}.js`) : require(`${file}.js`);
    if (there(`${file}.mjs`)) return await esm(`${file}.mjs`);
    if (there(`${file}.cjs`)) return require(`${file}.cjs`);
    return require(require.resolve(`./${name}`, { paths: [path.resolve(root, dir)] }));
  } catch (e) {
    if (e instanceof SyntaxError) throw fault('Runtime.UserCodeSyntaxError', String(e), e);
    if (e && (e.code === 'MODULE_NOT_FOUND' || e.code === 'ERR_MODULE_NOT_FOUND')) {
      const own = e.message.split('\n').filter((line) => !line.includes(__filename)).join('\n');
      const missing = /'(@aws-sdk\/[^']+|@smithy\/[^']+|aws-sdk)'/.exec(e.message);
      if (missing) {
        process.stdout.write(`crossfade: ${missing[1]} is part of AWS's runtime but not of this machine's Node.js; add it to the function's node_modules\n`);
      }
      throw fault('Runtime.ImportModuleError', `Error: ${seen(own).replace(`'./${name}'`, `'${name}'`)}`, e);
    }
    throw e;
  }
}

// isModule says whether the package of a .js file says that it is an ES module.
function isModule(file) {
  for (let dir = path.dirname(file); dir.startsWith(root); dir = path.dirname(dir)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(dir, 'package.json'), 'utf8')).type === 'module';
    } catch (e) {
      if (e.code !== 'ENOENT' || dir === path.dirname(dir)) return false;
    }
  }
  return false;
}

load(process.env._HANDLER).then(
  (found) => {
    handler = found;
    send(next);
  },
  (error) => {
    logFault('Uncaught Exception', error);
    crash(error, 1);
  },
);
