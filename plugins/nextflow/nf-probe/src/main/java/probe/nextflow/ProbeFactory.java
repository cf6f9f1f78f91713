package probe.nextflow;

import java.util.Collection;
import java.util.List;
import nextflow.Session;
import nextflow.trace.TraceObserverFactoryV2;
import nextflow.trace.TraceObserverV2;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Gives Nextflow an observer where a run can be recorded; else the pipeline runs on without one. */
public class ProbeFactory implements TraceObserverFactoryV2 {
    // Nextflow shows on its screen what its own packages warn of: wanted where nobody but this plugin records.
    private static final Logger log = LoggerFactory.getLogger(
            System.getenv("PROBE_RUN") == null ? "nextflow.probe" : ProbeFactory.class.getName());

    @Override
    public Collection<TraceObserverV2> create(Session session) {
        try {
            return List.of(new ProbeObserver(Recording.join()));
        } catch (Exception | LinkageError error) {
            log.warn("probe: this run is not recorded: {}", error.getMessage());
            return List.of();
        }
    }
}
