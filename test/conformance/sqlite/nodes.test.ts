import { openSqlitePlace } from "../../harness/sqlite-store.ts";
import { nodeConformance } from "../nodes.ts";

nodeConformance("the SQLite store", openSqlitePlace);
