// The generated client against the deployed stack: signatures checked, a table behind it.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fromNodeProviderChain } from "@aws-sdk/credential-providers";
import { cancel } from "./cancel.js";
import { completeAll } from "./complete-all.js";
import { type Process, Refused, connect, orThrow, processes, signed } from "./trellis.js";

const url = process.env["TRELLIS_API_URL"] ?? assert.fail("TRELLIS_API_URL is not set");
const region = process.env["AWS_REGION"] ?? assert.fail("AWS_REGION is not set");
const trellis = connect(url, signed(fromNodeProviderChain(), region));

const STEP = "/tenants/{tenant_id}/processes/{process_id}/steps/{step_name}";

const newTenant = () => `tenant-${randomUUID()}`;

/** A process with the steps `create_case` and `tell:patient`. */
function start(tenant_id: string, aggregate_id = "ref-1"): Promise<Process> {
  return orThrow(
    trellis.POST("/tenants/{tenant_id}/processes", {
      params: { path: { tenant_id } },
      body: {
        process_type: "CaseCreation",
        aggregate_type: "Referral",
        aggregate_id,
        steps: [{ name: "create_case", timeout_ms: 60_000 }, { name: "tell:patient" }],
        metadata: { priority: "high" },
      },
    }),
  );
}

const to = ({ tenant_id, process_id }: Process, step_name: string) => ({
  path: { tenant_id, process_id, step_name },
});

const stepOf = (process: Process, name: string) =>
  process.steps.find((step) => step.name === name) ?? assert.fail(`no step ${name}`);

test("a journey through every report", async () => {
  const started = await start(newTenant(), "ref/1 & ü");
  assert.equal(started.state, "pending");
  assert.deepEqual(started.metadata, { priority: "high" });

  const create = { params: to(started, "create_case") };
  const running = await orThrow(trellis.POST(`${STEP}/start`, create));
  const due_at = stepOf(running, "create_case").due_at ?? assert.fail("it has no deadline");
  assert.ok(new Date(due_at) > new Date(running.started_at));
  await orThrow(trellis.POST(`${STEP}/heartbeat`, { ...create, body: { attempt: 1 } }));
  const output = { case: "ü", tags: ["a", null], done: true };
  const completed = await orThrow(
    trellis.POST(`${STEP}/complete`, { ...create, body: { attempt: 1, output } }),
  );
  assert.deepEqual(stepOf(completed, "create_case").output, output);

  const tell = { params: to(started, "tell:patient") };
  const failed = await orThrow(
    trellis.POST(`${STEP}/fail`, { ...tell, body: { error: "no address known" } }),
  );
  assert.equal(failed.state, "failed");
  assert.equal(stepOf(failed, "tell:patient").error, "no address known");
  const retried = await orThrow(
    trellis.POST(`${STEP}/start`, { ...tell, body: { attempt: 2, reason: "address found" } }),
  );
  assert.equal(retried.state, "in_progress");
  const done = await orThrow(trellis.POST(`${STEP}/complete`, tell));
  assert.equal(done.state, "completed");
  assert.equal(stepOf(done, "tell:patient").attempt, 2);
});

test("a late report is refused, and the refusal brings the process", async () => {
  const started = await start(newTenant());
  await cancel(trellis, started);

  const { data, error } = await trellis.POST(`${STEP}/complete`, {
    params: to(started, "create_case"),
  });

  assert.equal(data, undefined);
  assert.ok(error && "code" in error && error.code === "process_finished");
  assert.equal(error.process.state, "cancelled");
});

test("every refused field is named", async () => {
  const body = {
    process_type: "Case Creation",
    aggregate_type: "Referral",
    aggregate_id: "ref-1",
    steps: [{ name: "create_case", retries_permitted: -1 }],
  };
  const params = { path: { tenant_id: newTenant() } };

  const { error } = await trellis.POST("/tenants/{tenant_id}/processes", { params, body });

  assert.ok(error && "code" in error && error.code === "invalid_input");
  assert.deepEqual(
    error.errors.map((each) => each.field),
    ["process_type", "steps[0].retries_permitted"],
  );
});

test("the same idempotency key starts nothing twice", async () => {
  const request = {
    params: { path: { tenant_id: newTenant() }, header: { "Idempotency-Key": "referral 1" } },
    body: {
      process_type: "CaseCreation",
      aggregate_type: "Referral",
      aggregate_id: "ref-1",
      steps: [{ name: "create_case" }],
    },
  };
  const first = await orThrow(trellis.POST("/tenants/{tenant_id}/processes", request));
  const second = await orThrow(trellis.POST("/tenants/{tenant_id}/processes", request));
  assert.deepEqual(second, first);

  const other = { ...request, body: { ...request.body, aggregate_id: "ref-2" } };
  const { error } = await trellis.POST("/tenants/{tenant_id}/processes", other);
  assert.ok(error && "code" in error && error.code === "idempotency_key_reused");
  assert.equal(error.errors[0]?.field, "Idempotency-Key");
});

test("a change is made on the version that was seen, or not at all", async () => {
  const seen = await start(newTenant());
  const now = await orThrow(trellis.POST(`${STEP}/start`, { params: to(seen, "create_case") }));

  assert.deepEqual(await cancel(trellis, seen), now);
  assert.equal((await cancel(trellis, now)).state, "cancelled");
});

test("what the caller has already is not sent again", async () => {
  const { tenant_id, process_id } = await start(newTenant());
  const path = { tenant_id, process_id };
  const first = await trellis.GET("/tenants/{tenant_id}/processes/{process_id}", {
    params: { path },
  });
  const etag = first.response.headers.get("ETag") ?? assert.fail("it has no entity tag");

  const { data, response } = await trellis.GET("/tenants/{tenant_id}/processes/{process_id}", {
    params: { path, header: { "If-None-Match": etag } },
  });

  assert.equal(response.status, 304);
  assert.equal(data, undefined);
});

test("another tenant's process is not found", async () => {
  const { process_id } = await start(newTenant());

  const { error } = await trellis.GET("/tenants/{tenant_id}/processes/{process_id}", {
    params: { path: { tenant_id: newTenant(), process_id } },
  });

  assert.ok(error && "code" in error && error.code === "process_not_found");
  assert.equal(error.status, 404);
});

test("a caller whose signature is wrong is refused by API Gateway", async () => {
  const keys = await fromNodeProviderChain()();
  const forger = connect(
    url,
    signed(async () => ({ ...keys, secretAccessKey: "guessed" }), region),
  );
  const call = forger.GET("/tenants/{tenant_id}/processes", {
    params: { path: { tenant_id: newTenant() } },
  });

  await assert.rejects(
    orThrow(call),
    (refused) =>
      refused instanceof Refused && refused.status === 403 && refused.problem === undefined,
  );
});

test("a batch has a result for each command", async () => {
  const first = await start(newTenant(), "ref-1");
  const second = await start(first.tenant_id, "ref-2");
  await cancel(trellis, second);
  const ids = [first.process_id, second.process_id, "nowhere"];

  assert.deepEqual(await completeAll(trellis, first.tenant_id, "create_case", ids), ids.slice(1));

  const { results } = await orThrow(
    trellis.POST("/tenants/{tenant_id}/batch", {
      params: { path: { tenant_id: first.tenant_id } },
      body: {
        commands: [
          {
            command: "StartProcess",
            process_type: "CaseCreation",
            aggregate_type: "Referral",
            aggregate_id: "ref-3",
            steps: [{ name: "create_case" }],
          },
          {
            command: "CancelProcess",
            process_id: first.process_id,
            expected_version: first.version,
          },
        ],
      },
    }),
  );
  const [begun, refused] = results;
  assert.ok(begun && !("problem" in begun));
  assert.equal(begun.process?.aggregate_id, "ref-3");
  assert.ok(refused && "problem" in refused && refused.problem.code === "version_mismatch");
  assert.equal(refused.problem.process?.process_id, first.process_id);
});

test("a list is read page by page, and a process found by what it is about", async () => {
  const tenant_id = newTenant();
  const started = await Promise.all(
    ["ref/1 & ü'(*)!~+", "ref-2", "ref-3"].map((each) => start(tenant_id, each)),
  );
  const ids = started.map((each) => each.process_id).sort();

  // The indexes follow the table a moment later; this asks until they have.
  for (const until = Date.now() + 20_000; ; await pause(50)) {
    const found = [];
    for await (const each of processes(trellis, tenant_id, { state: "pending" }, 2)) {
      found.push(each.process_id);
    }
    if (found.length === ids.length || Date.now() > until) {
      assert.deepEqual(found.sort(), ids);
      break;
    }
  }
  const found = await orThrow(
    trellis.GET("/tenants/{tenant_id}/processes/by-aggregate", {
      params: {
        path: { tenant_id },
        query: { aggregate_type: "Referral", aggregate_id: "ref/1 & ü'(*)!~+" },
      },
    }),
  );
  assert.equal(found.process_id, started[0]?.process_id);
});

test("the document is served to whoever may call", async () => {
  const document = await orThrow(trellis.GET("/openapi.json"));

  assert.equal(document["openapi"], "3.1.0");
});
