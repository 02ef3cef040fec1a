import { invalid } from './fault.ts';
import { type Google, type Handlers, handler } from './state.ts';

interface Question {
  readonly permissions?: readonly string[];
}

/** What a project's own policy knows of, here: the services that the procedure calls. */
const known = /^(?:cloudsql|datamigration|secretmanager|resourcemanager)\.[a-zA-Z]+\.[a-zA-Z]+$/;

/** Cloud Resource Manager v3: which of some permissions the caller has on a project. */
export function projectHandlers(google: Google): Handlers {
  return {
    'cloudresourcemanager.projects.testIamPermissions': handler((_call, { permissions = [] }: Question) => {
      if (permissions.length > 100) throw invalid('At most 100 permissions can be tested in one request.');
      for (const permission of permissions)
        if (!known.test(permission)) throw invalid(`Permission ${permission} is not valid for this resource.`);
      const granted = permissions.filter((permission) => !google.state.lacks.has(permission));
      // Nothing granted is an empty answer, without the list.
      return granted.length > 0 ? { permissions: granted } : {};
    }),
  };
}
