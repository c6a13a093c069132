import { expect, test } from "bun:test";
import { ConnectionsByNetwork } from "./connections-by-network.ts";

function connection(peer: string, deadlineMs: number, isIdle = true) {
  return {
    peer,
    deadlineMs,
    isIdle,
    isClosed: false,
    close() {
      this.isClosed = true;
    },
  };
}

test("the one of the network that is idle for longest is closed, and nobody else's", () => {
  const all = new ConnectionsByNetwork();
  const busy = connection("192.0.2.1", 1, false);
  const [late, early] = [connection("192.0.2.1", 9), connection("192.0.2.1", 5)];
  const other = connection("192.0.2.2", 0);
  for (const each of [busy, late, early, other]) all.add(each);
  expect(all.closeIdlest("192.0.2.1")).toBeTrue();
  expect([busy, late, early, other].map(({ isClosed }) => isClosed)).toEqual([
    false,
    false,
    true,
    false,
  ]);
});

test("where all are busy none is closed; an IPv6 network is a /64", () => {
  const all = new ConnectionsByNetwork();
  const busy = connection("2001:db8::1", 1, false);
  all.add(busy);
  expect(all.closeIdlest("2001:db8:0:0::/64")).toBeFalse();
  const idle = connection("2001:db8::2", 1);
  all.add(idle);
  expect(all.closeIdlest("2001:db8:0:0::/64")).toBeTrue();
  expect(idle.isClosed).toBeTrue();
  all.delete(busy);
  all.delete(idle);
  expect(all.closeIdlest("2001:db8:0:0::/64")).toBeFalse();
});

test("an idle one is found behind many that are busy, a few looks at a time", () => {
  const all = new ConnectionsByNetwork();
  for (let i = 0; i < 500; i++) all.add(connection("192.0.2.1", 1, false));
  const idle = connection("192.0.2.1", 1);
  all.add(idle);
  const found = Array.from({ length: 4 }, () => all.closeIdlest("192.0.2.1"));
  expect(found).toEqual([false, false, false, true]);
  expect(idle.isClosed).toBeTrue();
});
