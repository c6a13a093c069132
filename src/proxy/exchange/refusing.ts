// How the record of an exchange learns of its refusal.
import { type Refusal, refusal, statusOf } from "../gate/refusal.ts";
import type { ActiveExchange } from "./active-exchange.ts";
import type { Exchange } from "./exchange.ts";

/** Notes a refusal, and answers it. */
export function refused(exchange: Exchange, reason: Refusal): Refusal {
  exchange.refused(reason.reason, statusOf(reason.reason, reason.denial));
  return reason;
}

/** An active exchange has no response: it is over. What was revoked is refused for the reason of the revocation. */
export function refusedWhileActive(active: ActiveExchange, outcome: Refusal): Refusal {
  active.fail();
  const { exchange, stopped } = active;
  return stopped?.kind === "revoked"
    ? refused(exchange, refusal(stopped.revocation.reason, stopped.revocation.denial))
    : refused(exchange, outcome);
}
