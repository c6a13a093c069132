// What gateways and control planes say to each other of the field `x-realmgate-gateway`.

/** A gateway says it in place of its token: the certificate of its connection tells who it is. */
export const GATEWAY_BY_CERTIFICATE = "certificate";

/** How a control plane's refusal begins. */
export const NOT_A_GATEWAY = "Not a gateway of this installation";
