/** What `plan` answers; it is asked for targets alone. */
import type { ExperimentPlan } from '../../plan/plan';

export interface PlanDocument {
  readonly plans: readonly ExperimentPlan[];
}
