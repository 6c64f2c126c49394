/** The files of a finished run, as the tests expect them: on any machine, and on one with nothing on it. */
export const RUN_FILES = [
  'adapter/adapter_config.json',
  'adapter/adapter_model.safetensors',
  'log.jsonl',
  'manifest.json',
  'metrics.json',
  'per-class.json',
  'predictions.jsonl',
  'report.html',
  'spec.yaml',
] as const;
