// Evaluates JSONata expressions with the reference implementation: reads one JSON
// text {"expr": …, "data": …} a line, and writes one {"value": …}, {"error": CODE},
// {"function": true} or {} a line. Its argument is the folder of npm's jsonata.
const readline = require("node:readline");
const jsonata = require(require("node:path").resolve(process.argv[2]));

// steps bounds an evaluation, with the hooks that the reference has for that.
function bounded(expression, steps) {
  const step = () => { if (--steps < 0) throw {code: "steps"}; };
  expression.assign(Symbol.for("jsonata.__evaluate_entry"), step);
  return expression;
}

async function answer({expr, data}) {
  try {
    const value = await bounded(jsonata(expr), 5000).evaluate(data);
    if (typeof value === "function" || (value && (value._jsonata_lambda || value._jsonata_function))) return {function: true};
    return {value};
  } catch (e) {
    return {error: e.code || "uncoded: " + e.message};
  }
}

(async () => {
  for await (const line of readline.createInterface({input: process.stdin})) {
    process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
  }
})();
