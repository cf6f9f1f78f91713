package probe.nextflow;

import groovy.lang.Closure;
import groovy.lang.GString;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import nextflow.file.FileHolder;
import nextflow.file.FilePorter;
import nextflow.processor.TaskConfig;
import nextflow.processor.TaskProcessor;
import nextflow.processor.TaskRun;
import nextflow.script.ScriptMeta;
import nextflow.script.ScriptType;
import nextflow.script.params.EnvOutParam;
import nextflow.script.params.CmdEvalParam;
import nextflow.script.params.FileOutParam;
import nextflow.script.params.InParam;
import nextflow.script.params.OutParam;
import nextflow.script.params.StdOutParam;
import nextflow.script.params.ValueInParam;
import nextflow.trace.TraceRecord;

/** What is to be told of processes and tasks. */
final class Tasks {
    private static final String DIRECTIVE = "directives.";
    // As they are written: to ask for one evaluates it for good, and errorStrategy too early.
    private static final List<String> DIRECTIVES = List.of(
            "accelerator", "conda", "spack", "label", "cache", "scratch", "stageInMode", "stageOutMode",
            "errorStrategy", "shell", "beforeScript", "afterScript", "containerOptions", "ext");
    // Those that the task's hash has asked for before: where they are lazy, what the task got is known.
    private static final Set<String> EVALUATED = Set.of("conda", "spack");
    // What Nextflow has evaluated itself, for its trace.
    private static final List<String> TRACED = List.of(
            "tag", "module", "queue", "cpus", "memory", "disk", "time");

    private static final Map<Path, Path> REAL = new ConcurrentHashMap<>(); // folders of work, without links

    private Tasks() {}

    /** The PROBE_STEP that the task's processes carry: its hash, as the work directory spells it. */
    static String key(TaskRun task) {
        if (task.getHash() == null) { // found in a storeDir: it has neither hash nor work directory
            return Surroundings.KEY + "stored:" + task.getId();
        }
        String hash = task.getHash().toString();
        return Surroundings.KEY + hash.substring(0, 2) + "/" + hash.substring(2);
    }

    static Map<String, Object> process(TaskProcessor process) {
        Map<String, Object> told = new LinkedHashMap<>();
        Told.put(told, "name", process::getName);
        Told.put(told, "module", () -> ScriptMeta.get(process.getOwnerScript()).getScriptPath());
        Told.put(told, "source", () -> process.getTaskBody().getSource());
        return told;
    }

    static Map<String, Object> described(TaskRun task, TraceRecord trace) {
        Map<String, Object> told = new LinkedHashMap<>();
        TaskConfig config = task.getConfig();
        told.put("key", key(task));
        Told.put(told, "id", () -> task.getId().toString());
        Told.put(told, "process", () -> task.getProcessor().getName());
        Told.put(told, "name", task::getName);
        if (!told.containsKey("name")) { // its tag fails
            Told.put(told, "name", task::lazyName);
        }
        Told.put(told, "hash", () -> task.getHash().toString());
        Told.put(told, "attempt", () -> config.getRawValue("attempt"));
        Told.put(told, "index", task::getIndex);
        Told.put(told, "work_dir", () -> realWorkDir(task));
        Told.put(told, "script", task::getScript);
        Told.put(told, "template", task::getTemplate);
        if (config.getRawValue("container") != null) {
            Told.put(told, "container", () -> container(task));
            Told.put(told, "container_engine",
                    () -> task.isContainerEnabled() ? task.getContainerConfig().getEngine() : null);
        }
        if (config.getRawValue("conda") != null) { // made long before: the task's hash has it
            Told.put(told, "conda", task::getCondaEnv);
        }
        if (config.getRawValue("spack") != null) {
            Told.put(told, "spack", task::getSpackEnv);
        }
        Told.put(told, DIRECTIVE + "executor", () -> task.getProcessor().getExecutor().getName());
        for (String name : trace == null ? List.<String>of() : TRACED) {
            Told.put(told, "tag".equals(name) ? name : DIRECTIVE + name, () -> trace.get(name));
        }
        for (String directive : DIRECTIVES) {
            Object written = config.getRawValue(directive);
            boolean later = written instanceof Closure || written instanceof GString;
            if (later && EVALUATED.contains(directive)) {
                Told.put(told, DIRECTIVE + directive, () -> config.get(directive).toString());
            } else if (written != null) {
                Told.put(told, DIRECTIVE + directive, () -> written);
            }
        }
        Told.put(told, "inputs", () -> inputs(task));
        Told.put(told, "values", () -> values(task));
        boolean command = task.getType() == ScriptType.SCRIPTLET;
        told.put("runs_command", command);
        return told;
    }

    static Map<String, Object> ended(TaskRun task, TraceRecord trace) {
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("key", key(task));
        Integer status = task.getExitStatus();
        told.put("status", status == null || status == Integer.MAX_VALUE ? null : status);
        Told.put(told, "failed", task::getFailed);
        Told.put(told, "aborted", task::getAborted);
        Told.put(told, "store_dir", () -> task.getConfig().getStoreDir()); // evaluated long before
        Told.put(told, "error_action", () -> task.getErrorAction());
        Told.put(told, "outputs", () -> outputs(task));
        Told.put(told, "patterns", () -> patterns(task));
        Told.put(told, "channels", () -> channels(task));
        if (trace != null) {
            for (String name : List.of("native_id", "submit", "start", "complete", "hostname")) {
                Told.put(told, name, () -> trace.get(name));
            }
        }
        return told;
    }

    /** The image, also of a task that names one and runs without; where conda takes its place there is none. */
    private static Object container(TaskRun task) {
        if (task.isContainerEnabled()) {
            return task.getContainer();
        }
        return task.getCondaEnv() == null && task.getSpackEnv() == null ? task.getConfig().get("container") : null;
    }

    /** Follows links above the folder of all work once, and not for each task. */
    private static Path realWorkDir(TaskRun task) throws IOException {
        Path work = task.getWorkDir();
        Path all = task.getProcessor().getExecutor().getWorkDir();
        if (!work.startsWith(all)) {
            return work.toRealPath();
        }
        Path real = REAL.get(all);
        if (real == null) {
            real = all.toRealPath();
            REAL.put(all, real);
        }
        return real.resolve(all.relativize(work));
    }

    /** Staged name, where the file lies, and what the pipeline named (a URL, maybe). */
    private static List<Map<String, Object>> inputs(TaskRun task) {
        List<Map<String, Object>> all = new ArrayList<>();
        for (Map.Entry<InParam, List<FileHolder>> entry : task.getInputFiles().entrySet()) {
            for (FileHolder file : entry.getValue()) {
                Map<String, Object> one = new LinkedHashMap<>();
                one.put("staged", file.getStageName());
                one.put("path", Told.path(file.getStorePath()));
                Object source = file.getSourceObj();
                if (source instanceof Path path && !Told.path(path).equals(one.get("path"))) {
                    one.put("source", Told.path(path));
                } else if (source instanceof Path path && path.toString().contains("/stage-")) {
                    Told.put(one, "source", () -> fetchedFrom(path, task));
                } else if (source instanceof CharSequence) {
                    one.put("text", true); // a value that Nextflow wrote to a file
                }
                all.add(one);
            }
        }
        return all;
    }

    /** What Nextflow copied from elsewhere is a task's input under the copy's name; its porter knows the other. */
    private static Path fetchedFrom(Path copy, TaskRun task) {
        FilePorter porter = task.getProcessor().getSession().getFilePorter();
        for (FilePorter.FileCopy one : List.copyOf(porter.getStagingTransfers().keySet())) {
            if (copy.equals(one.getTarget())) {
                return one.getSource();
            }
        }
        return null;
    }

    private static Map<String, Object> values(TaskRun task) {
        Map<String, Object> all = new LinkedHashMap<>();
        for (Map.Entry<InParam, Object> entry : task.getInputs().entrySet()) {
            boolean nameless = "$".equals(entry.getKey().getName()); // Nextflow's own, of a process without inputs
            if (entry.getKey() instanceof ValueInParam && !nameless) {
                all.put(entry.getKey().getName(), Told.plain(entry.getValue()));
            }
        }
        return all;
    }

    private static List<String> outputs(TaskRun task) {
        List<String> all = new ArrayList<>();
        for (Map.Entry<OutParam, Object> entry : task.getOutputs().entrySet()) {
            if (entry.getKey() instanceof FileOutParam) {
                Object value = entry.getValue();
                for (Object one : value instanceof Collection<?> some ? some : List.of(value == null ? "" : value)) {
                    if (one instanceof Path path) {
                        all.add(Told.path(path));
                    }
                }
            }
        }
        return all;
    }

    private static List<String> patterns(TaskRun task) {
        List<String> all = new ArrayList<>();
        for (OutParam output : task.getOutputs().keySet()) {
            if (output instanceof FileOutParam file) {
                all.addAll(file.getFilePatterns(task.getContext(), task.getWorkDir()));
            }
        }
        return all;
    }

    /** Outputs that are no files of the task's choice, by what carries them. */
    private static List<String> channels(TaskRun task) {
        List<String> all = new ArrayList<>();
        for (OutParam output : task.getOutputs().keySet()) {
            if (output instanceof StdOutParam) {
                all.add(".command.out");
            } else if (output instanceof EnvOutParam || output instanceof CmdEvalParam) {
                all.add(".command.env");
            }
        }
        return all;
    }
}
