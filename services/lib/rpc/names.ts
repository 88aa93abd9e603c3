// Names of methods and services, from the paths that calls go to.

/** '/ddk.v1.SchedulerService/GetRun' -> 'ddk.v1.SchedulerService/GetRun', the name that spans, metrics and logs use. */
export function methodName(path: string): string {
  return path.replace(/^\//, '');
}

/** The fully-qualified name of a service, for instance 'ddk.v1.SchedulerService'. */
export function serviceName(definition: Readonly<Record<string, { readonly path: string }>>): string {
  const first = Object.values(definition)[0];
  return first === undefined ? '' : (methodName(first.path).split('/')[0] ?? '');
}
