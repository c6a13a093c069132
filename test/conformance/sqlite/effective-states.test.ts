import { openSqlitePlace } from "../../harness/sqlite-store.ts";
import { exposureConformance } from "../effective-states.ts";

exposureConformance("the SQLite store", openSqlitePlace);
