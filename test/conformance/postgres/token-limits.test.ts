// A thousand writes, one after the other: in a file of its own, with the time that they take.
import { afterAll, test } from "bun:test";
import { postgresBinaries, sayWithoutPostgres } from "../../harness/postgres-server.ts";
import { openPostgresPlace, stopPostgres } from "../../harness/postgres-store.ts";
import { tokenLimitConformance } from "../token-limits.ts";

const name = "the PostgreSQL store";

if (postgresBinaries === null) {
  sayWithoutPostgres();
  test.skip(`${name}: token limits`, () => {});
} else {
  afterAll(stopPostgres);
  tokenLimitConformance(name, openPostgresPlace, 180_000);
}
