// What gate processes ask of the exchange log, which their parent has.
import type { ExchangeLog } from "../exchange-log/exchange-log.ts";
import type { ToParent } from "./messages.ts";

type Requests = ToParent["log"];

/** Rejects when there is no log, or when it does. */
export async function answeredByLog(
  log: ExchangeLog | null,
  request: Requests["asked"],
): Promise<Requests["answer"]> {
  if (log === null) throw new Error("there is no exchange log");
  switch (request.kind) {
    case "append":
      return await log.append(request.batches);
    case "newest":
      return await log.newest(request.query, request.before);
    case "oldest":
      return await log.oldest(request.query, request.after);
    case "recent":
      return await log.recent(request.query);
    case "stats":
      return await log.stats(request.container, request.account);
  }
}
