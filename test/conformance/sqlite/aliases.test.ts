import { openSqlitePlace } from "../../harness/sqlite-place.ts";
import { aliasConformance } from "../aliases.ts";

aliasConformance("the SQLite store", openSqlitePlace);
