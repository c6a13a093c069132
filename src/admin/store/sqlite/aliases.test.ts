import { aliasConformance } from "../../../../test/conformance/aliases.ts";
import { openSqlitePlace } from "../../../../test/conformance/sqlite-place.ts";

aliasConformance("the SQLite store", openSqlitePlace);
