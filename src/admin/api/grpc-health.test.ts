import { expect, test } from "bun:test";
import { EventEmitter } from "node:events";
import { HealthService } from "./grpc-health.ts";

/** A call that watches a service; `said` gets what it is answered. */
class Watch extends EventEmitter {
  readonly said: string[] = [];
  readonly request: { readonly service: string };

  constructor(service: string) {
    super();
    this.request = { service };
  }

  write({ status }: { status: string }): boolean {
    this.said.push(status);
    return true;
  }
}

test("whoever watches the server as a whole hears that it stops, and is forgotten when gone", () => {
  const health = new HealthService(["a.Service"]);
  const [stays, goes, other] = [new Watch(""), new Watch(""), new Watch("a.Service")];
  for (const call of [stays, goes, other]) health.watch(call);
  expect(health.watching).toBe(3);
  goes.emit("cancelled");
  expect(health.watching).toBe(2);
  health.stop();
  expect(stays.said).toEqual(["SERVING", "NOT_SERVING"]);
  expect(goes.said).toEqual(["SERVING"]);
  expect(other.said).toEqual(["SERVING"]);
});

test("nothing is kept of a watch for what is not served, gone or not", () => {
  const health = new HealthService(["a.Service"]);
  for (let n = 0; n < 100; n++) {
    const call = new Watch(`unknown ${n}`);
    health.watch(call);
    expect(call.said).toEqual(["SERVICE_UNKNOWN"]);
    expect(call.eventNames()).toEqual([]);
  }
  expect(health.watching).toBe(0);
});
