import { openSqlitePlace } from "../../harness/sqlite-place.ts";
import { exposureConformance } from "../exposures.ts";

exposureConformance("the SQLite store", openSqlitePlace);
