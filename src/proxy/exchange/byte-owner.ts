// Whose the bytes are that an exchange holds.
import type { ByteHolder } from "../../guard/held-bytes.ts";
import { clientNetwork } from "../../policy/client-network.ts";
import type { ActiveExchange } from "./active-exchange.ts";

export function holdsOf({ request, allowed }: ActiveExchange): ByteHolder["holds"] {
  return { network: clientNetwork(request.client), container: allowed.host.container };
}
