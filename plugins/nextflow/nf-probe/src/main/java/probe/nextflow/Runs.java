package probe.nextflow;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Map;
import nextflow.Session;
import nextflow.script.ScriptMeta;
import nextflow.script.WorkflowMetadata;

/** What is to be told of a run as a whole. */
final class Runs {
    private Runs() {}

    static Map<String, Object> described(Session session) {
        Map<String, Object> told = new LinkedHashMap<>();
        WorkflowMetadata workflow = session.getWorkflowMetadata();
        Told.put(told, "outer", () -> System.getenv("PROBE_STEP"));
        Told.put(told, "version", () -> nextflow.BuildInfo.getVersion());
        Told.put(told, "session", () -> session.getUniqueId().toString());
        Told.put(told, "run_name", session::getRunName);
        Told.put(told, "resume", session::isResumeMode);
        Told.put(told, "params", session::getParams);
        Told.put(told, "profile", session::getProfile);
        Told.put(told, "work_dir", () -> session.getWorkDir().toRealPath());
        Told.put(told, "bin_dir", session::getBinDir);
        Told.put(told, "stub_run", session::getStubRun);
        Told.put(told, "preview", session::getPreview);
        if (workflow != null) {
            Told.put(told, "command_line", workflow::getCommandLine);
            Told.put(told, "script", workflow::getScriptFile);
            Told.put(told, "script_id", workflow::getScriptId);
            Told.put(told, "repository", workflow::getRepository);
            Told.put(told, "revision", workflow::getRevision);
            Told.put(told, "commit", workflow::getCommitId);
            Told.put(told, "project_dir", workflow::getProjectDir);
            Told.put(told, "launch_dir", workflow::getLaunchDir);
            Told.put(told, "home_dir", () -> nextflow.Const.APP_HOME_DIR);
            Told.put(told, "config_files", workflow::getConfigFiles);
            Told.put(told, "container_engine", workflow::getContainerEngine);
        }
        return told;
    }

    /** What is known once the workflow's text has been run: included scripts, operators that write. */
    static Map<String, Object> begun(Session session) {
        Map<String, Object> told = new LinkedHashMap<>();
        Told.put(told, "files", () -> new ArrayList<>(ScriptMeta.allScriptNames().values()));
        Told.put(told, "operators", () -> Operators.writing(session));
        return told;
    }

    static Map<String, Object> ended(Session session) {
        Map<String, Object> told = new LinkedHashMap<>();
        Told.put(told, "success", session::isSuccess);
        Told.put(told, "aborted", session::isAborted);
        Told.put(told, "cancelled", session::isCancelled);
        return told;
    }
}
