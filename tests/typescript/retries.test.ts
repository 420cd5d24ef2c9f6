// The page's client where calls fail in passing, on a fetch that fails as it is told.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { bearer, connect, orThrow } from "./trellis.js";

const START = "/tenants/{tenant_id}/processes";
const params = { path: { tenant_id: "tenant-1" } };
const body = { process_type: "T", aggregate_type: "A", aggregate_id: "1", steps: [{ name: "a" }] };

interface Told {
  status: number;
  headers?: Record<string, string>;
}

/** Answers requests in turn; the status 0 stands for a lost connection. */
function answering(context: TestContext, ...told: Told[]) {
  const requests: Request[] = [];
  context.mock.timers.enable({ apis: ["setTimeout"] });
  context.mock.method(globalThis, "fetch", async (request: Request) => {
    requests.push(request);
    const { status, headers } = told.shift() ?? assert.fail("asked too often");
    if (status === 0) throw new TypeError("fetch failed");
    return new Response("{}", headers ? { status, headers } : { status });
  });
  return requests;
}

/** Waits for a call whose pauses take the mocked clock's time; how many milliseconds those were. */
async function passing(context: TestContext, call: Promise<unknown>): Promise<number> {
  let isOpen = true;
  let passed = 0;
  const closed = call.finally(() => (isOpen = false));
  closed.catch(() => undefined); // awaited below
  while (isOpen) {
    await turn();
    context.mock.timers.tick(10);
    passed += 10;
  }
  await closed;
  return passed;
}

const trellis = connect(
  "http://127.0.0.1:1",
  bearer(async () => "a-token"),
);

test("a start is sent again with the same key until it is answered", async (context) => {
  const requests = answering(
    context,
    { status: 0 },
    { status: 503 },
    { status: 500 },
    { status: 201 },
  );

  await passing(context, orThrow(trellis.POST(START, { params, body })));

  const keys = requests.map((each) => each.headers.get("Idempotency-Key"));
  assert.equal(keys.length, 4);
  assert.equal(new Set(keys).size, 1);
  assert.ok(keys[0]);
  for (const each of requests) {
    assert.deepEqual(await each.json(), body);
    assert.equal(each.headers.get("Authorization"), "Bearer a-token");
  }
});

test("the starts of a batch get keys, and keep those they have", async (context) => {
  const requests = answering(context, { status: 503 }, { status: 200 });
  const start = { command: "StartProcess" as const, ...body };
  const commands = [start, { ...start, idempotency_key: "mine" }];

  await passing(
    context,
    orThrow(trellis.POST("/tenants/{tenant_id}/batch", { params, body: { commands } })),
  );

  const sent = await Promise.all(requests.map((each) => each.json()));
  assert.deepEqual(sent[0], sent[1]);
  assert.match(sent[0].commands[0].idempotency_key, /^[0-9a-f-]{36}$/);
  assert.equal(sent[0].commands[1].idempotency_key, "mine");
});

test("it waits as long as it is told", async (context) => {
  answering(context, { status: 503, headers: { "Retry-After": "2" } }, { status: 201 });

  assert.ok((await passing(context, trellis.POST(START, { params, body }))) >= 2_000);
});

test("it gives up after four tries", async (context) => {
  const requests = answering(context, ...Array.from({ length: 4 }, () => ({ status: 503 })));
  await assert.rejects(passing(context, orThrow(trellis.POST(START, { params, body }))), {
    status: 503,
  });
  assert.equal(requests.length, 4);
});

test("a connection that is lost each time is the caller's to see", async (context) => {
  const requests = answering(context, ...Array.from({ length: 4 }, () => ({ status: 0 })));

  await assert.rejects(passing(context, trellis.POST(START, { params, body })), TypeError);
  assert.equal(requests.length, 4);
});

test("a fault of the tracker and a refusal are not tried again", async (context) => {
  const headers = { "Content-Type": "application/problem+json" };
  for (const status of [500, 409]) {
    context.mock.reset();
    const requests = answering(context, { status, headers });
    await trellis.POST(START, { params, body });
    assert.equal(requests.length, 1);
  }
});
