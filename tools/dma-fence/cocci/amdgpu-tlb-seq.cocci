// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// options: --smpl-spacing
// files: drivers/gpu/drm/amd/amdgpu/amdgpu_vm.h drivers/gpu/drm/amd/amdgpu/amdgpu_vm.c
//
// The TLB sequence of a VM had to grow before anybody who saw a page table
// update signalled could look at it. A callback did the increment, and the
// readers passed through the fence's spinlock to wait for it. Callbacks no
// longer run inside that lock, and the wait covered only the newest update
// anyway, while a job may depend on an older one.
//
// Keep the updates that still owe an increment on a list instead and let the
// reader settle it: whoever saw a fence signalled finds the same bit set. No
// callback is left, so none can outlive the VM.

@@
@@
 struct amdgpu_vm {
	...
	struct dma_fence *last_tlb_flush;
+	/* Updates not counted in @tlb_seq yet, under @tlb_lock */
+	spinlock_t tlb_lock;
+	struct list_head tlb_pending;
	...
 };

@@
typedef uint64_t, u64;
identifier vm;
@@
+uint64_t amdgpu_vm_tlb_seq(struct amdgpu_vm *vm);
-static inline uint64_t amdgpu_vm_tlb_seq(struct amdgpu_vm *vm)
-{
-...
-}

@@
iterator name list_for_each_entry_safe;
declarer name LIST_HEAD;
@@
-struct amdgpu_vm_tlb_seq_struct {
-	struct amdgpu_vm *vm;
-	struct dma_fence_cb cb;
-};
+struct amdgpu_vm_tlb_seq_struct {
+	/** @node: in &struct amdgpu_vm.tlb_pending */
+	struct list_head node;
+
+	/** @fence: counted once it has signalled; a reference */
+	struct dma_fence *fence;
+};
+
+static void amdgpu_vm_tlb_drop(struct list_head *list)
+{
+	struct amdgpu_vm_tlb_seq_struct *update;
+	struct amdgpu_vm_tlb_seq_struct *next;
+
+	list_for_each_entry_safe(update, next, list, node) {
+		dma_fence_put(update->fence);
+		kfree(update);
+	}
+}
+
+/**
+ * amdgpu_vm_tlb_seq - how often the TLBs of a VM had to be flushed so far
+ * @vm: the VM
+ *
+ * Counts every update whose fence the caller may have seen signalled. A VM ID
+ * whose last flush was at a lower number has to be flushed again before use.
+ *
+ * Return: the sequence number.
+ */
+uint64_t amdgpu_vm_tlb_seq(struct amdgpu_vm *vm)
+{
+	struct amdgpu_vm_tlb_seq_struct *update;
+	struct amdgpu_vm_tlb_seq_struct *next;
+	LIST_HEAD(done);
+	u64 seq;
+
+	spin_lock(&vm->tlb_lock);
+	list_for_each_entry_safe(update, next, &vm->tlb_pending, node) {
+		/*
+		 * Only the bit: signalling the fence from here would run
+		 * callbacks under tlb_lock.
+		 */
+		if (dma_fence_test_signaled_flag(update->fence)) {
+			list_move_tail(&update->node, &done);
+			atomic64_inc(&vm->tlb_seq);
+		}
+	}
+	seq = atomic64_read(&vm->tlb_seq);
+	spin_unlock(&vm->tlb_lock);
+
+	/* A last reference releases the fence, which may take any lock. */
+	amdgpu_vm_tlb_drop(&done);
+
+	return seq;
+}

@@
expression vm;
@@
 vm->last_tlb_flush = dma_fence_get_stub();
+spin_lock_init(&vm->tlb_lock);
+INIT_LIST_HEAD(&vm->tlb_pending);

@@
identifier f, c;
@@
-static void amdgpu_vm_tlb_seq_cb(struct dma_fence *f, struct dma_fence_cb *c)
-{
-...
-}

@@
identifier fn = amdgpu_vm_tlb_flush, params, fence, tlb_cb, vm;
@@
 static void fn(struct amdgpu_vm_update_params *params,
		struct dma_fence **fence,
		struct amdgpu_vm_tlb_seq_struct *tlb_cb)
 {
	struct amdgpu_vm *vm = params->vm;

-	tlb_cb->vm = vm;
+	/* Nobody may be looking at the sequence: do not let the list grow. */
+	amdgpu_vm_tlb_seq(vm);
	if (!fence || !*fence) {
-		amdgpu_vm_tlb_seq_cb(NULL, &tlb_cb->cb);
+		atomic64_inc(&vm->tlb_seq);
+		kfree(tlb_cb);
		return;
	}

-	if (!dma_fence_add_callback(*fence, &tlb_cb->cb, amdgpu_vm_tlb_seq_cb)) {
+	dma_fence_enable_sw_signaling(*fence);
+	if (!dma_fence_is_signaled(*fence)) {
+		tlb_cb->fence = dma_fence_get(*fence);
+		spin_lock(&vm->tlb_lock);
+		list_add_tail(&tlb_cb->node, &vm->tlb_pending);
+		spin_unlock(&vm->tlb_lock);
+
		dma_fence_put(vm->last_tlb_flush);
		vm->last_tlb_flush = dma_fence_get(*fence);
	} else {
-		amdgpu_vm_tlb_seq_cb(NULL, &tlb_cb->cb);
+		atomic64_inc(&vm->tlb_seq);
+		kfree(tlb_cb);
	}
	...
 }

@@
expression vm;
identifier flags;
@@
 amdgpu_vm_fini(...)
 {
	...
-	unsigned long flags;
	...
-	dma_fence_wait(vm->last_tlb_flush, false);
-	dma_fence_lock_irqsave(vm->last_tlb_flush, flags);
-	dma_fence_unlock_irqrestore(vm->last_tlb_flush, flags);
-	dma_fence_put(vm->last_tlb_flush);
+	dma_fence_wait(vm->last_tlb_flush, false);
+	dma_fence_put(vm->last_tlb_flush);
+	amdgpu_vm_tlb_drop(&vm->tlb_pending);
	...
 }
