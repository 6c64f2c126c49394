/** What `list` answers; it is asked nothing. */
import type { ListedPaper } from '../../plan/list';

export interface ListDocument {
  readonly papers: readonly ListedPaper[];
}
