/** What `data` is asked and answers. */
import type { DataRow } from '../../data/prepare';
import type { TargetRequest } from '../../run/request';

export interface DataRequest extends TargetRequest {
  readonly split: 'train' | 'validation' | 'test';
  /** Rows to show; null = all. */
  readonly limit: number | null;
}

export type DataDocument = readonly DataRow[];
