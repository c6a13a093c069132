// Whose the bytes are that an exchange holds.
import type { ByteHolder } from "../../guard/held-bytes.ts";
import { lineOfClients } from "../../guard/read-turns.ts";
import { clientNetwork } from "../../policy/client-network.ts";
import type { ActiveExchange } from "./active-exchange.ts";

/** In which its client's network waits for turns of the event loop; see `ReadTurns`. */
export function clientLine({ request }: ActiveExchange): string {
  return lineOfClients(clientNetwork(request.client));
}

export function holdsOf({ request, allowed }: ActiveExchange): ByteHolder["holds"] {
  return { network: clientNetwork(request.client), container: allowed.host.container };
}
