import { realmConformance } from "../../../../test/conformance/realms.ts";
import { openSqlitePlace } from "../../../../test/conformance/sqlite-place.ts";

realmConformance("the SQLite store", openSqlitePlace);
