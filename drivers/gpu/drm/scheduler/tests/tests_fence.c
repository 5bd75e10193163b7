// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of what the scheduler has fences do
 *
 * Copyright (C) 2026 the dma-fence rework project
 *
 * A fence queues the work of a scheduler whose job depends on it, and the work that
 * kills a job. Here fences signal when the scheduler is stopped, the entity goes, or
 * both at once.
 */

#include <linux/cleanup.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-fence-batch.h>
#include <linux/poison.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "sched_tests.h"

/* Long enough for a scheduler to do what it must not. */
#define QUIET_MS	20

static const char *test_fence_name(struct dma_fence *fence)
{
	return "drm_sched_fence_tests";
}

static const struct dma_fence_ops test_fence_ops = {
	.get_driver_name = test_fence_name,
	.get_timeline_name = test_fence_name,
};

static void put_fence(void *fence)
{
	dma_fence_put(fence);
}

/* A fence that the test has one reference on. */
static struct dma_fence *new_fence(struct kunit *test)
{
	struct dma_fence *fence = kzalloc_obj(*fence);

	KUNIT_ASSERT_NOT_NULL(test, fence);
	dma_fence_init(fence, &test_fence_ops, NULL, dma_fence_context_alloc(1), 1);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_fence, fence), 0);
	return fence;
}

static struct drm_mock_sched_entity *new_entity(struct kunit *test)
{
	return drm_mock_sched_entity_new(test, DRM_SCHED_PRIORITY_NORMAL, test->priv);
}

static void depend(struct kunit *test, struct drm_mock_sched_job *job,
		   struct dma_fence *fence)
{
	KUNIT_ASSERT_EQ(test, drm_sched_job_add_dependency(&job->base,
							   dma_fence_get(fence)), 0);
}

/* Submit a job that waits for @fence, if any, and ends by drm_mock_sched_advance(). */
static struct drm_mock_sched_job *submit(struct kunit *test,
					 struct drm_mock_sched_entity *entity,
					 struct dma_fence *fence)
{
	struct drm_mock_sched_job *job = drm_mock_sched_job_new(test, entity);

	if (fence)
		depend(test, job, fence);
	drm_mock_sched_job_submit(job);
	return job;
}

/* The finished fence, which outlives the job, of one that cannot run yet. */
static struct dma_fence *finished_of(struct kunit *test,
				     struct drm_mock_sched_job *job)
{
	struct dma_fence *finished = dma_fence_get(&job->base.s_fence->finished);

	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_fence, finished), 0);
	return finished;
}

static bool all_freed(struct drm_mock_scheduler *sched)
{
	return wait_var_event_timeout(&sched->live, !atomic_read(&sched->live), 5 * HZ);
}

/* Whoever drops a reference may be on his way out still. */
static bool only_ours(struct dma_fence *fence)
{
	int i;

	for (i = 0; i < 100 && kref_read(&fence->refcount) != 1; i++)
		usleep_range(500, 1000);
	return kref_read(&fence->refcount) == 1;
}

static bool runs(struct drm_mock_sched_job *job)
{
	return drm_mock_sched_job_wait_scheduled(job, HZ);
}

static bool stays_waiting(struct drm_mock_sched_job *job)
{
	return !drm_mock_sched_job_wait_scheduled(job, msecs_to_jiffies(QUIET_MS));
}

static int drm_sched_fence_init(struct kunit *test)
{
	test->priv = drm_mock_sched_new(test, MAX_SCHEDULE_TIMEOUT);

	return 0;
}

static void drm_sched_fence_exit(struct kunit *test)
{
	drm_mock_sched_fini(test->priv);
}

/* Dependencies are waited for one by one, the last of them signalled beforehand. */
static void drm_sched_fence_dependency(struct kunit *test)
{
	struct drm_mock_sched_entity *entity = new_entity(test);
	struct drm_mock_scheduler *sched = test->priv;
	struct dma_fence *fence[3];
	struct drm_mock_sched_job *job;
	int i;

	job = drm_mock_sched_job_new(test, entity);
	for (i = 0; i < ARRAY_SIZE(fence); i++) {
		fence[i] = new_fence(test);
		depend(test, job, fence[i]);
	}
	drm_mock_sched_job_submit(job);

	KUNIT_EXPECT_TRUE(test, stays_waiting(job));
	dma_fence_signal(fence[2]);
	dma_fence_signal(fence[0]);
	KUNIT_EXPECT_TRUE(test, stays_waiting(job));
	dma_fence_signal(fence[1]);
	KUNIT_ASSERT_TRUE(test, runs(job));

	KUNIT_EXPECT_EQ(test, drm_mock_sched_advance(sched, 1), 1);
	KUNIT_EXPECT_TRUE(test, all_freed(sched));
	for (i = 0; i < ARRAY_SIZE(fence); i++)
		KUNIT_EXPECT_TRUE(test, only_ours(fence[i]));
	drm_mock_sched_entity_free(entity);
}

/* A stopped scheduler runs nothing, whoever queues its work, until it is started. */
static void drm_sched_fence_stopped_run(struct kunit *test)
{
	struct drm_mock_sched_entity *entity = new_entity(test);
	struct drm_mock_scheduler *sched = test->priv;
	struct dma_fence *fence = new_fence(test);
	struct drm_mock_sched_job *job = submit(test, entity, fence);

	KUNIT_EXPECT_TRUE(test, stays_waiting(job));
	drm_sched_wqueue_stop(&sched->base);
	dma_fence_signal(fence);
	KUNIT_EXPECT_TRUE(test, stays_waiting(job));
	drm_sched_wqueue_start(&sched->base);
	KUNIT_ASSERT_TRUE(test, runs(job));

	KUNIT_EXPECT_EQ(test, drm_mock_sched_advance(sched, 1), 1);
	KUNIT_EXPECT_TRUE(test, all_freed(sched));
	drm_mock_sched_entity_free(entity);
}

static void drm_sched_fence_stopped_free(struct kunit *test)
{
	struct drm_mock_sched_entity *entity = new_entity(test);
	struct drm_mock_scheduler *sched = test->priv;
	struct drm_gpu_scheduler *base = &sched->base;
	struct drm_mock_sched_job *job = submit(test, entity, NULL);

	KUNIT_ASSERT_TRUE(test, runs(job));
	drm_sched_wqueue_stop(base);
	KUNIT_EXPECT_EQ(test, drm_mock_sched_advance(sched, 1), 1);

	/* As a callback does that has found the scheduler running. */
	queue_work(base->submit_wq, &base->work_free_job);
	flush_work(&base->work_free_job);
	KUNIT_EXPECT_EQ(test, atomic_read(&sched->live), 1);

	drm_sched_wqueue_start(base);
	KUNIT_EXPECT_TRUE(test, all_freed(sched));
	drm_mock_sched_entity_free(entity);
}

/* Nor does one that is gone, ever. */
static void drm_sched_fence_gone(struct kunit *test)
{
	struct drm_mock_scheduler *sched = drm_mock_sched_new(test, MAX_SCHEDULE_TIMEOUT);
	struct drm_gpu_scheduler *base = &sched->base;

	drm_mock_sched_fini(sched);
	KUNIT_EXPECT_FALSE(test, queue_work(system_percpu_wq, &base->work_run_job));
	KUNIT_EXPECT_FALSE(test, queue_work(system_percpu_wq, &base->work_free_job));
}

/* The entity goes, the job waits for the fence all the same before it is killed. */
static void drm_sched_fence_kill_waiting(struct kunit *test)
{
	struct drm_mock_sched_entity *entity = new_entity(test);
	struct drm_mock_scheduler *sched = test->priv;
	struct dma_fence *first = new_fence(test), *second = new_fence(test);
	struct drm_mock_sched_job *job = drm_mock_sched_job_new(test, entity);
	struct dma_fence *finished;

	depend(test, job, first);
	depend(test, job, second);
	drm_mock_sched_job_submit(job);
	finished = finished_of(test, job);
	KUNIT_EXPECT_TRUE(test, stays_waiting(job));

	drm_sched_entity_fini(&entity->base);
	KUNIT_EXPECT_PTR_EQ(test, entity->base.dependency, NULL);
	KUNIT_EXPECT_TRUE(test, list_empty(&entity->base.cb.base.node));
	msleep(QUIET_MS);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(finished));
	dma_fence_signal(first);
	msleep(QUIET_MS);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(finished));
	KUNIT_EXPECT_TRUE(test, only_ours(first));

	dma_fence_signal(second);
	KUNIT_EXPECT_TRUE(test, all_freed(sched));
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(finished), -ESRCH);
	KUNIT_EXPECT_TRUE(test, only_ours(second));
	KUNIT_EXPECT_TRUE(test, only_ours(finished));
}

/* Killed jobs finish one after the other, behind the one that runs. */
static void drm_sched_fence_kill_queue(struct kunit *test)
{
	struct drm_mock_sched_entity *entity = new_entity(test);
	struct drm_mock_scheduler *sched = test->priv;
	struct drm_mock_sched_job *running;
	struct dma_fence *finished[20];
	int i;

	sched->base.credit_limit = 1;
	running = submit(test, entity, NULL);
	KUNIT_ASSERT_TRUE(test, runs(running));
	for (i = 0; i < ARRAY_SIZE(finished); i++)
		finished[i] = finished_of(test, submit(test, entity, NULL));

	drm_sched_entity_fini(&entity->base);
	msleep(QUIET_MS);
	for (i = 0; i < ARRAY_SIZE(finished); i++)
		KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(finished[i]));

	KUNIT_EXPECT_EQ(test, drm_mock_sched_advance(sched, 1), 1);
	KUNIT_EXPECT_TRUE(test, all_freed(sched));
	for (i = 0; i < ARRAY_SIZE(finished); i++) {
		KUNIT_EXPECT_EQ(test, dma_fence_get_status(finished[i]), -ESRCH);
		KUNIT_EXPECT_TRUE(test, only_ours(finished[i]));
		if (i)
			KUNIT_EXPECT_GE(test, dma_fence_timestamp(finished[i]),
					dma_fence_timestamp(finished[i - 1]));
	}
}

struct signaller {
	struct work_struct work;
	struct dma_fence *fence;
	unsigned int delay_us;
};

static void signal_later(struct work_struct *work)
{
	struct signaller *s = container_of(work, struct signaller, work);

	udelay(s->delay_us);
	dma_fence_signal(s->fence);
}

/* The dependency signals on another CPU while the entity goes. */
static void drm_sched_fence_race(struct kunit *test)
{
	struct drm_mock_scheduler *sched = test->priv;
	struct drm_mock_sched_entity *entity;
	struct drm_mock_sched_job *job;
	struct signaller s;
	int i;

	INIT_WORK_ONSTACK(&s.work, signal_later);
	for (i = 0; i < 300; i++) {
		entity = new_entity(test);
		s.fence = new_fence(test);
		s.delay_us = i % 30;
		job = drm_mock_sched_job_new(test, entity);
		drm_mock_sched_job_set_duration_us(job, 1);
		depend(test, job, s.fence);
		drm_mock_sched_job_submit(job);
		/* Let the scheduler find it, mostly. */
		if (i % 3)
			usleep_range(50, 100);
		queue_work(system_dfl_wq, &s.work);
		udelay(i / 30);
		drm_sched_entity_fini(&entity->base);
		/* Nobody may look at it any more. */
		memset(&entity->base, POISON_FREE, sizeof(entity->base));
		flush_work(&s.work);
		if (!all_freed(sched)) {
			KUNIT_FAIL(test, "round %d: the job is not freed", i);
			break;
		}
		KUNIT_EXPECT_TRUE(test, only_ours(s.fence));
	}
	destroy_work_on_stack(&s.work);
}

struct dawdler {
	struct work_struct work;
	struct drm_mock_sched_job *job;
	struct completion signaled;
	struct completion go_on;
};

static void signal_and_dawdle(struct work_struct *work)
{
	struct dawdler *d = container_of(work, struct dawdler, work);
	struct drm_mock_scheduler *sched = drm_sched_to_mock_sched(d->job->base.sched);
	DEFINE_DMA_FENCE_BATCH(batch);

	scoped_guard(spinlock_irqsave, &sched->lock) {
		list_del_init(&d->job->link);
		dma_fence_batch_signal(&batch, &d->job->hw_fence);
	}
	complete(&d->signaled);
	wait_for_completion_timeout(&d->go_on, 5 * HZ);
	dma_fence_batch_deliver(&batch);
}

/* A job whose fence has signalled is done, though its callback is owed: no reset for it. */
static void drm_sched_fence_stop_owed(struct kunit *test)
{
	struct drm_mock_sched_entity *entity = new_entity(test);
	struct drm_mock_scheduler *sched = test->priv;
	struct drm_gpu_scheduler *base = &sched->base;
	struct dma_fence *finished;
	struct dawdler d;

	d.job = submit(test, entity, NULL);
	finished = finished_of(test, d.job);
	KUNIT_ASSERT_TRUE(test, runs(d.job));
	flush_work(&base->work_run_job);

	init_completion(&d.signaled);
	init_completion(&d.go_on);
	INIT_WORK_ONSTACK(&d.work, signal_and_dawdle);
	queue_work(system_dfl_wq, &d.work);
	wait_for_completion(&d.signaled);

	drm_sched_stop(base, NULL);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(finished), 1);
	KUNIT_EXPECT_TRUE(test, list_empty(&base->pending_list));
	complete(&d.go_on);
	flush_work(&d.work);
	destroy_work_on_stack(&d.work);
	drm_sched_start(base, -ECANCELED);

	KUNIT_EXPECT_EQ(test, dma_fence_get_status(finished), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&base->credit_count), 0);
	KUNIT_EXPECT_TRUE(test, all_freed(sched));
	drm_mock_sched_entity_free(entity);
}

static struct kunit_case drm_sched_fence_cases[] = {
	KUNIT_CASE(drm_sched_fence_dependency),
	KUNIT_CASE(drm_sched_fence_stopped_run),
	KUNIT_CASE(drm_sched_fence_stopped_free),
	KUNIT_CASE(drm_sched_fence_gone),
	KUNIT_CASE(drm_sched_fence_kill_waiting),
	KUNIT_CASE(drm_sched_fence_kill_queue),
	KUNIT_CASE(drm_sched_fence_race),
	KUNIT_CASE(drm_sched_fence_stop_owed),
	{}
};

static struct kunit_suite drm_sched_fence = {
	.name = "drm_sched_fence_tests",
	.init = drm_sched_fence_init,
	.exit = drm_sched_fence_exit,
	.test_cases = drm_sched_fence_cases,
};

kunit_test_suites(&drm_sched_fence);
