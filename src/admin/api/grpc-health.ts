// The health service (grpc.health.v1). It answers for what is served here; names of nothing leave no trace.
import {
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { service as healthService } from "grpc-health-check";

type ServingStatus = "SERVING" | "NOT_SERVING" | "SERVICE_UNKNOWN";

interface HealthRequest {
  readonly service: string;
}

interface HealthResponse {
  readonly status: ServingStatus;
}

/** What is used of a call that watches. */
interface Watching {
  readonly request: HealthRequest;
  write(response: HealthResponse): unknown;
  once(event: "cancelled", listener: () => void): unknown;
}

export class HealthService {
  /** By service; `""` is the server as a whole. No key is added later. */
  readonly #statuses: Map<string, ServingStatus>;
  /** By service, only of those that are served. */
  readonly #watching = new Map<string, Set<Watching>>();

  constructor(services: readonly string[]) {
    this.#statuses = new Map(["", ...services].map((name) => [name, "SERVING"]));
  }

  /** Streams that will hear of a change. */
  get watching(): number {
    return [...this.#watching.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Says to all who ask for the server as a whole that it serves no more. */
  stop(): void {
    this.#statuses.set("", "NOT_SERVING");
    for (const call of this.#watching.get("") ?? []) call.write({ status: "NOT_SERVING" });
  }

  addToServer(server: Pick<Server, "addService">): void {
    server.addService(healthService as ServiceDefinition, {
      check: (
        { request }: ServerUnaryCall<HealthRequest, HealthResponse>,
        answer: sendUnaryData<HealthResponse>,
      ) => {
        const known = this.#statuses.get(request.service);
        if (known !== undefined) answer(null, { status: known });
        else answer({ code: status.NOT_FOUND, details: "Unknown service" });
      },
      watch: (call: ServerWritableStream<HealthRequest, HealthResponse>) => this.watch(call),
      list: (_: unknown, answer: sendUnaryData<{ statuses: Record<string, HealthResponse> }>) =>
        answer(null, {
          statuses: Object.fromEntries(
            [...this.#statuses].map(([name, known]) => [name, { status: known }]),
          ),
        }),
    });
  }

  /** The stream stays open. What is not served never will be, so nothing is kept of a stream that asks for it. */
  watch(call: Watching): void {
    const { service } = call.request;
    const known = this.#statuses.get(service);
    call.write({ status: known ?? "SERVICE_UNKNOWN" });
    if (known === undefined) return;
    const others = this.#watching.get(service) ?? new Set();
    this.#watching.set(service, others.add(call));
    call.once("cancelled", () => others.delete(call));
  }
}
