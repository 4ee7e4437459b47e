/** Says what the adapter is that all engines would open: "gpu NVIDIA GeForce RTX 4090", or "cpu" and a name. */
import { reportFailure } from "../cli/output/failure.ts";
import { findAdapter } from "../engine/gpu/adapter.ts";

try {
  const { kind, name } = (await findAdapter(undefined)).description;
  process.stdout.write(`${kind} ${name}\n`);
} catch (error) {
  const { stdout: output, stderr: errors } = process;
  process.exitCode = reportFailure(error, { json: false, verbose: false, output, errors });
}
