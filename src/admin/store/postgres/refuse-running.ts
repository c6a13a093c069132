// Keeps maintenance and running gates apart on a server that any number of processes may use.
import { RUNNING_LOCK } from "./commit-listener.ts";
import { type ConnectionOptions, Connections } from "./connections.ts";

/**
 * Rejects while a gate runs on the database. Answers how to let gates be heard again. A gate that starts meanwhile is not held
 * up.
 */
export async function refuseRunning(options: ConnectionOptions): Promise<() => Promise<void>> {
  const connections = new Connections({ ...options, poolMax: 1 });
  const client = await connections.connect();
  try {
    const { rows } = await client.query(`select pg_try_advisory_lock(${RUNNING_LOCK}) as locked`);
    if (rows[0]?.locked !== true) {
      throw new Error("a gate runs on this database: stop it first, on every machine");
    }
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
  return async () => {
    await client.end().catch(() => {});
  };
}
