// The one way into the control plane: realm → caller → message → rules → method, and the one place that catches.
import {
  create,
  type DescMethod,
  type DescService,
  getOption,
  hasOption,
  type Message,
} from "@bufbuild/protobuf";
import { type Call, type Dispatch, Refused, type Reply } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import { CallerKind, type Requires, requires } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { type Caller, identifyCaller } from "./caller.ts";
import { activeRealm } from "./realm.ts";
import type { RevisionTokens } from "./revision.ts";
import { checkRules } from "./rules.ts";
import type { Sessions } from "./session.ts";
import type { Scope, Store } from "./store/store.ts";

/** What every method is given beside its message. */
export interface PublicContext {
  /** Where the call came from. */
  readonly clientAddress: string;
}

/** What a method with a known caller is given. */
export interface Context extends PublicContext {
  readonly caller: Caller;
  /** What of the store the call may touch. */
  readonly scope: Scope;
  /** The raw If-Match; see if-match.ts. */
  readonly ifMatch: string | null;
}

/** What a method answers: a message, and for writes the revision they made. */
export interface Outcome {
  readonly message: Message;
  readonly revision?: number;
  readonly etag?: string;
}

type PublicHandler = (message: Message, context: PublicContext) => Promise<Outcome>;
type Handler = (message: Message, context: Context) => Promise<Outcome>;

/** The methods of one service by their local name. Handlers take their own message type. */
export interface Implementation {
  readonly service: DescService;
  // biome-ignore lint/suspicious/noExplicitAny: dispatch pairs each handler with its own method's message.
  readonly methods: Readonly<Record<string, (message: any, context: Context) => Promise<Outcome>>>;
}

export interface Log {
  error(fields: object, message: string): void;
}

export interface DispatchOptions {
  readonly implementations: readonly Implementation[];
  readonly store: Store;
  readonly sessions: Sessions;
  readonly revisions: RevisionTokens;
  readonly log: Log;
}

interface Route {
  readonly needs: Requires;
  readonly handler: Handler;
}

/** Throws when a method lacks its `requires` option or its implementation: then the server must not start. */
export function createDispatch(options: DispatchOptions): Dispatch {
  const routes = new Map(
    options.implementations.flatMap(({ service, methods }) =>
      service.methods.map((method) => [method, routeOf(method, methods)] as const),
    ),
  );
  return async (call) => {
    try {
      const route = routes.get(call.method);
      if (route === undefined) throw new Error(`${call.method.name} is not served`);
      return reply(call, await run(route, call, options), options.revisions);
    } catch (error) {
      if (error instanceof Refused) {
        const { code, violations, retryAfterS } = error;
        return { ok: false, code, violations, retryAfterS };
      }
      const { method, requestId } = call;
      options.log.error({ err: error, method: method.name, requestId }, "a call failed");
      return { ok: false, code: ErrorCode.INTERNAL_ERROR, violations: [], retryAfterS: null };
    }
  };
}

function routeOf(method: DescMethod, methods: Implementation["methods"]): Route {
  const name = `${method.parent.typeName}.${method.name}`;
  const handler = methods[method.localName];
  if (handler === undefined) throw new Error(`${name} is not implemented`);
  const needs = getOption(method, requires);
  if (!hasOption(method, requires) || needs.caller === CallerKind.UNSPECIFIED) {
    throw new Error(`${name} does not say what it requires`);
  }
  if (needs.caller === CallerKind.TOKEN) throw new Error(`${name} wants a token; there are none`);
  return { needs, handler };
}

async function run(route: Route, call: Call, options: DispatchOptions): Promise<Outcome> {
  const realmId = activeRealm(call.authority, call.realmId);
  if (realmId === "invalid") throw new Refused(ErrorCode.INVALID_HOST);
  const { clientAddress } = call;
  if (route.needs.caller === CallerKind.PUBLIC) {
    return (route.handler as PublicHandler)(await readMessage(call), { clientAddress });
  }
  const caller = await identifyCaller(call.credential, options.sessions, options.store);
  const message = await readMessage(call);
  return route.handler(message, {
    caller,
    scope: { userId: caller.user.id, realmId },
    ifMatch: route.needs.ifMatch ? call.ifMatch : null,
    clientAddress,
  });
}

async function readMessage(call: Call): Promise<Message> {
  const message = await call.message();
  checkRules(call.method.input, message);
  return message;
}

function reply(call: Call, outcome: Outcome, revisions: RevisionTokens): Reply {
  return {
    ok: true,
    message: create(call.method.output, outcome.message),
    revision: outcome.revision === undefined ? null : revisions.seal(outcome.revision),
    etag: outcome.etag ?? null,
  };
}
