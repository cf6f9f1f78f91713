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
    private static final Logger log = LoggerFactory.getLogger(ProbeFactory.class);

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
