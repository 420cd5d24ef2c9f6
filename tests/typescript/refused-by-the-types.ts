// What does not compile. Each line marked so is an error, or else the mark itself is one.

import type { components } from "./trellis-api.js";
import type { Problem, Process, Trellis } from "./trellis.js";

export async function mistakes(trellis: Trellis, process: Process, problem: Problem) {
  const path = { tenant_id: "tenant-1" };

  // @ts-expect-error a path that is not there
  await trellis.GET("/tenants/{tenant_id}/process", { params: { path } });
  // @ts-expect-error a parameter of the path is missing
  await trellis.GET("/tenants/{tenant_id}/processes/{process_id}", { params: { path } });
  // @ts-expect-error a body that has to be there is missing
  await trellis.POST("/tenants/{tenant_id}/processes", { params: { path } });
  // @ts-expect-error a state that is none
  const state: Process["state"] = "done";

  // @ts-expect-error a field that is not known
  const step: components["schemas"]["StepToStart"] = { name: "create_case", timeout: 30 };
  // @ts-expect-error a command without the process that it is about
  const command: components["schemas"]["Command"] = { command: "CancelProcess" };

  // @ts-expect-error a deadline may be missing
  const due: string = process.due_at;
  // @ts-expect-error only a conflict brings the process
  const brought: Process = problem.process;
  // @ts-expect-error no problem has this code
  const isDone: boolean = problem.code === "done";

  return [state, step, command, due, brought, isDone];
}
