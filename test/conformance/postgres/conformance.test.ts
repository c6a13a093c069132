// The suites that the SQLite store passes, on PostgreSQL.
import { afterAll, test } from "bun:test";
import { postgresBinaries, sayWithoutPostgres } from "../../harness/postgres-server.ts";
import { openPostgresPlace, stopPostgres } from "../../harness/postgres-store.ts";
import { accountConformance } from "../accounts.ts";
import { aliasConformance } from "../aliases.ts";
import { containerWriteConformance } from "../container-writes.ts";
import { exposureConformance } from "../effective-states.ts";
import { eventConformance } from "../events.ts";
import { listWalkConformance } from "../list-walks.ts";
import { memberConformance } from "../members.ts";
import { nodeConformance } from "../nodes.ts";
import { projectConformance } from "../projects.ts";
import { realmConformance } from "../realms.ts";
import { storeConformance } from "../store.ts";
import { tokenConformance } from "../tokens.ts";
import { userConformance } from "../users.ts";

const name = "the PostgreSQL store";

if (postgresBinaries === null) {
  sayWithoutPostgres();
  test.skip(name, () => {});
} else {
  afterAll(stopPostgres);
  for (const conformance of [
    accountConformance,
    aliasConformance,
    containerWriteConformance,
    eventConformance,
    exposureConformance,
    listWalkConformance,
    memberConformance,
    nodeConformance,
    projectConformance,
    realmConformance,
    storeConformance,
    tokenConformance,
    userConformance,
  ]) {
    conformance(name, openPostgresPlace);
  }
}
