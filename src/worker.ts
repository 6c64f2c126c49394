/** The Worker's entry. In the compiled binary it must lie beside `main.ts`: both are entry points. */

import { jobs, serveJobs, type WorkerPort } from './job';

serveJobs(jobs, globalThis as unknown as WorkerPort);
