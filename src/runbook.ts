import type { Clients } from './clients.ts';
import type { Runbook } from './engine/step.ts';
import { backUpDestination } from './steps/clean-up/back-up-destination.ts';
import { configureBackups } from './steps/clean-up/configure-backups.ts';
import { enableHighAvailability } from './steps/clean-up/enable-high-availability.ts';
import { importIntoTerraform } from './steps/clean-up/import-into-terraform.ts';
import { refreshMaterializedViews } from './steps/clean-up/refresh-materialized-views.ts';
import { releaseSchemaChanges } from './steps/clean-up/release-schema-changes.ts';
import { removeExternalSyncUser } from './steps/clean-up/remove-external-sync-user.ts';
import { removeMigration } from './steps/clean-up/remove-migration.ts';
import { restoreConstraints } from './steps/clean-up/restore-constraints.ts';
import { createDestination } from './steps/create-the-destination/create-destination.ts';
import { addMissingPrimaryKeys } from './steps/make-the-schema-compatible/add-missing-primary-keys.ts';
import { dropDeferrableConstraints } from './steps/make-the-schema-compatible/drop-deferrable-constraints.ts';
import { preflight } from './steps/preflight/preflight.ts';
import { analyzeDestination } from './steps/prepare-the-destination/analyze-destination.ts';
import { createDestinationUsers } from './steps/prepare-the-destination/create-destination-users.ts';
import { grantDestinationRoles } from './steps/prepare-the-destination/grant-destination-roles.ts';
import { holdSchemaChanges } from './steps/prepare-the-destination/hold-schema-changes.ts';
import { registerCustomTypes } from './steps/prepare-the-destination/register-custom-types.ts';
import { startMigrationJob } from './steps/prepare-the-destination/start-migration-job.ts';
import { validateLive } from './steps/prepare-the-destination/validate-live.ts';
import { waitForSync } from './steps/prepare-the-destination/wait-for-sync.ts';
import { backUpSource } from './steps/prepare-the-source/back-up-source.ts';
import { createMigrationUser } from './steps/prepare-the-source/create-migration-user.ts';
import { enableReplicationFlags } from './steps/prepare-the-source/enable-replication-flags.ts';
import { grantMigrationUser } from './steps/prepare-the-source/grant-migration-user.ts';
import { backUpOldInstance } from './steps/retire/back-up-old-instance.ts';
import { deleteSource } from './steps/retire/delete-source.ts';
import { disarmWayBack } from './steps/retire/disarm-way-back.ts';
import { removeMigrationUsers } from './steps/retire/remove-migration-users.ts';
import { removeReplicationFlags } from './steps/retire/remove-replication-flags.ts';
import { approveRollback } from './steps/roll-back/approve-rollback.ts';
import { drainWayBack } from './steps/roll-back/drain-way-back.ts';
import { fenceDestination } from './steps/roll-back/fence-destination.ts';
import { openSource } from './steps/roll-back/open-source.ts';
import { prepareRollback } from './steps/roll-back/prepare-rollback.ts';
import { removeWayBack } from './steps/roll-back/remove-way-back.ts';
import { startServicesBack } from './steps/roll-back/start-services-back.ts';
import { stopServicesForRollback } from './steps/roll-back/stop-services-for-rollback.ts';
import { switchServicesBack } from './steps/roll-back/switch-services-back.ts';
import { synchronizeSequencesBack } from './steps/roll-back/synchronize-sequences-back.ts';
import { validateLiveRollback } from './steps/roll-back/validate-live-rollback.ts';
import { validateRollback } from './steps/roll-back/validate-rollback.ts';
import { createClientCertificate } from './steps/set-up-the-migration/create-client-certificate.ts';
import { createConnectionProfiles } from './steps/set-up-the-migration/create-connection-profiles.ts';
import { createMigrationJob } from './steps/set-up-the-migration/create-migration-job.ts';
import { demoteDestination } from './steps/set-up-the-migration/demote-destination.ts';
import { verifyMigrationJob } from './steps/set-up-the-migration/verify-migration-job.ts';
import { approveCutover } from './steps/switch-to-the-new-instance/approve-cutover.ts';
import { armWayBack } from './steps/switch-to-the-new-instance/arm-way-back.ts';
import { drainReplication } from './steps/switch-to-the-new-instance/drain-replication.ts';
import { fenceSource } from './steps/switch-to-the-new-instance/fence-source.ts';
import { handOverOwnership } from './steps/switch-to-the-new-instance/hand-over-ownership.ts';
import { prepareSwitch } from './steps/switch-to-the-new-instance/prepare-switch.ts';
import { promoteDestination } from './steps/switch-to-the-new-instance/promote-destination.ts';
import { rehearseWayBack } from './steps/switch-to-the-new-instance/rehearse-way-back.ts';
import { startServices } from './steps/switch-to-the-new-instance/start-services.ts';
import { stopWeb } from './steps/switch-to-the-new-instance/stop-web.ts';
import { stopWorkers } from './steps/switch-to-the-new-instance/stop-workers.ts';
import { switchServices } from './steps/switch-to-the-new-instance/switch-services.ts';
import { synchronizeSequences } from './steps/switch-to-the-new-instance/synchronize-sequences.ts';
import { validate } from './steps/switch-to-the-new-instance/validate.ts';

/** THE PROCEDURE: phases and steps in order, and nothing else. First the upgrade; then the legs that may follow it. */
export const runbook: Runbook<Clients> = [
  { name: 'Preflight', steps: [preflight] },
  { name: 'Create the destination', steps: [createDestination] },
  {
    name: 'Prepare the source',
    steps: [
      backUpSource, //
      enableReplicationFlags,
      createMigrationUser,
      grantMigrationUser,
    ],
  },
  {
    name: 'Make the schema compatible',
    steps: [
      dropDeferrableConstraints, //
      addMissingPrimaryKeys,
    ],
  },
  {
    name: 'Set up the migration',
    steps: [
      createClientCertificate, //
      createConnectionProfiles,
      createMigrationJob,
      demoteDestination,
      verifyMigrationJob,
    ],
  },
  {
    name: 'Prepare the destination',
    steps: [
      createDestinationUsers,
      holdSchemaChanges,
      startMigrationJob,
      waitForSync,
      grantDestinationRoles,
      analyzeDestination,
      registerCustomTypes,
      validateLive,
    ],
  },
  {
    name: 'Switch to the new instance',
    steps: [
      prepareSwitch,
      rehearseWayBack,
      approveCutover,
      stopWorkers, // the deadline runs from here …
      stopWeb,
      fenceSource,
      drainReplication,
      synchronizeSequences,
      validate,
      promoteDestination, // … until the promotion is called: the point of no return
      handOverOwnership,
      armWayBack,
      switchServices,
      startServices,
    ],
  },
  {
    name: 'Clean up',
    steps: [
      backUpDestination,
      configureBackups,
      enableHighAvailability,
      restoreConstraints,
      refreshMaterializedViews,
      releaseSchemaChanges,
      importIntoTerraform,
      removeExternalSyncUser,
      removeMigration,
    ],
  },
  {
    leg: 'rollback',
    name: 'Go back to the old instance',
    steps: [
      prepareRollback, //
      validateLiveRollback,
      approveRollback,
      stopServicesForRollback, // the deadline runs from here …
      fenceDestination,
      drainWayBack,
      synchronizeSequencesBack,
      validateRollback,
      openSource, // … until the old instance is opened: the point of no return
      switchServicesBack,
      startServicesBack,
      removeWayBack, // then everything before the cutover is taken back, by the upgrade's own undo, latest first
    ],
  },
  {
    leg: 'retire',
    name: 'Retire the old instance',
    steps: [
      disarmWayBack, // the end of every rollback
      removeMigrationUsers,
      removeReplicationFlags,
      backUpOldInstance,
      deleteSource,
    ],
  },
];
