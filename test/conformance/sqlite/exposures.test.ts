import { openSqlitePlace } from "../../harness/sqlite-store.ts";
import { exposureConformance } from "../exposures.ts";

exposureConformance("the SQLite store", openSqlitePlace);
