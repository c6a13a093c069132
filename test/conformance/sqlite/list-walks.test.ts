import { openSqlitePlace } from "../../harness/sqlite-place.ts";
import { listWalkConformance } from "../list-walks.ts";

listWalkConformance("the SQLite store", openSqlitePlace);
