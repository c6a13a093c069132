// The settings of the access log and the exchange log.
import type { Setting } from "./setting.ts";
import { readAccessLog, readDays, readLogSize } from "./setting-readers.ts";

export const logSettings = {
  REALMGATE_ACCESS_LOG: {
    group: "Logs",
    default: "off",
    accepts: "`off`, `stderr`, or a file",
    meaning: "one line of JSON for each exchange of the proxy: off, stderr, or a file",
    about: "Where the proxy writes one line of JSON for each exchange.",
    read: readAccessLog,
  },
  REALMGATE_LOG_MAX_MB: {
    group: "Logs",
    default: "512",
    accepts: "8 to 1048576; 0: there is no exchange log",
    meaning: "megabytes of the exchange log, who accessed which container; 0: none",
    about:
      "Size of the exchange log (`exchanges.sqlite` in the data directory), in MiB. When it is full, the oldest entries of the container that has the most are removed, and counted (`realmgate_exchange_log_lost_total`).",
    read: readLogSize,
  },
  REALMGATE_LOG_RETENTION_DAYS: {
    group: "Logs",
    default: "7",
    accepts: "1 to 3650",
    meaning: "days for which the exchange log keeps an entry",
    about: "Days after which an entry of the exchange log is removed.",
    read: readDays,
  },
} as const satisfies Record<`REALMGATE_${string}`, Setting<unknown>>;
