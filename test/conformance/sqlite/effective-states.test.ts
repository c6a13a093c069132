import { openSqlitePlace } from "../../harness/sqlite-place.ts";
import { exposureConformance } from "../effective-states.ts";

exposureConformance("the SQLite store", openSqlitePlace);
